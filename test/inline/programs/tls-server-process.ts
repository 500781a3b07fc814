/** Says the same over HTTP/1.1 and HTTP/2 in TLS: PORT KEY CERTIFICATE. */
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';

const [port, key, certificate] = process.argv.slice(2);

const options = { key: readFileSync(key!), cert: readFileSync(certificate!), allowHTTP1: true };
createSecureServer(options, (_, response) => response.end('in secret')).listen(Number(port), '::');
