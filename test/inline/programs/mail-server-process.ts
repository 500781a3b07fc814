/** A mail server that prints `ready`, and then each mail as one line of JSON: PORT. */
import { SMTPServer } from 'smtp-server';

const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  disableReverseLookup: true,
  async onData(stream, { envelope }, done) {
    let source = '';
    for await (const chunk of stream) source += chunk;
    console.log(JSON.stringify({ to: envelope.rcptTo.map(({ address }) => address), source }));
    done(null);
  },
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
