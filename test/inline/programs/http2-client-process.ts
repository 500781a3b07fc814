/** Asks for so many pages at a time over one connection of HTTP/2, and prints them: ADDRESS PORT COUNT. */
import { connect } from 'node:http2';

const [address, port, count] = process.argv.slice(2);

const session = connect(`http://${address}:${port}`);
const pages = await Promise.all(Array.from({ length: Number(count) }, (_, i) => fetchPage(`/${i}`)));
console.log(pages.join(''));
session.close();

function fetchPage(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    session
      .request({ ':path': path })
      .on('data', (data) => {
        text += data;
      })
      .on('end', () => resolve(text))
      .on('error', reject);
  });
}
