import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { makeFolder } from '../base/make-folder.ts';
import { type PeerCredentials, peerOf } from '../base/native/peer.ts';
import { reasonOf } from '../config/problem.ts';
import type { Logger } from '../output/log.ts';
import { type ControlAnswer, failed, MAX_REQUEST_BYTES, type ParsedRequest, parseRequest } from './control-protocol.ts';
import { MachineError } from './machine-error.ts';

/** Does what a request asks for. */
export type AnswerRequest = (request: ParsedRequest, peer: PeerCredentials) => Promise<ControlAnswer>;

const FOLDER_MODE = 0o700;
const SOCKET_MODE = 0o600;
/** All permissions but the owner's to read and write. */
const SOCKET_UMASK = 0o177;
const OTHERS_MAY_WRITE = 0o022;
/** Of `sockaddr_un`. Node cuts a longer path off without a word, and makes the socket elsewhere. */
const MAX_PATH_BYTES = 107;
const ROOT = 0;
/** More at a time than a handful of administrators and monitors need. */
const MAX_CONNECTIONS = 16;
/** Who says nothing for so long is let go. */
const IDLE_LIMIT_MS = 10_000;
/** How soon a socket is missed that somebody removed. */
const LOOK_EVERY_MS = 2_000;

/**
 * The Unix socket over which the running service is asked and told. Three locks, each enough by itself: the folder is
 * its owner's alone, so is the socket, and the kernel says who connects: root, or the user that the service runs as.
 */
export class ControlServer {
  readonly path: string;
  #server: Server;
  readonly #log: Logger;
  /** Null before `serve`, and after the end. */
  #looking: NodeJS.Timeout | null = null;
  /** And could not be made again, which was told. */
  #isLost = false;
  readonly #connections = new Set<Socket>();
  /** Null before `serve`: requests wait. */
  #answer: AnswerRequest | null = null;
  readonly #early: (() => void)[] = [];

  private constructor(path: string, log: Logger) {
    this.path = path;
    this.#log = log;
    this.#server = this.#newServer();
  }

  #newServer(): Server {
    const server = createServer((socket) => this.#accept(socket));
    server.maxConnections = MAX_CONNECTIONS;
    return server;
  }

  /**
   * Takes the place of a socket that nobody serves any more. Throws MachineError where somebody does, or where the
   * place is not safe.
   */
  static async claim(path: string, log: Logger): Promise<ControlServer> {
    if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
      throw new MachineError(
        `${path}: the path of a socket has at most ${MAX_PATH_BYTES} bytes: choose a shorter one with --control`,
      );
    }
    prepareFolder(dirname(path));
    await clearPlace(path);
    const server = new ControlServer(path, log);
    await server.#listen();
    return server;
  }

  /** From now on, requests are answered, also where somebody cleans up and removes the socket. */
  serve(answer: AnswerRequest): void {
    this.#answer = answer;
    for (const goOn of this.#early.splice(0)) goOn();
    this.#looking = setInterval(() => this.#lookAfterSocket(), LOOK_EVERY_MS).unref();
  }

  /** Whoever waits for the end of the service sees it by the end of the connection. */
  close(): void {
    if (this.#looking !== null) clearInterval(this.#looking);
    this.#looking = null;
    this.#server.close();
    for (const socket of this.#connections) socket.destroy();
  }

  async #listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => {
        reject(
          new MachineError(`${this.path}: cannot listen there: ${reasonOf(error)}; choose another with --control`),
        );
      });
      const before = process.umask(SOCKET_UMASK);
      // Binds before it returns.
      this.#server.listen(this.path, resolve);
      process.umask(before);
    });
    chmodSync(this.path, SOCKET_MODE);
    this.#server.on('error', (error) => this.#log.error(`control socket: ${error.message}`));
  }

  /** Without its socket, a service that works looks as if it were gone, and only signals reach it. */
  async #lookAfterSocket(): Promise<void> {
    if (existsSync(this.path)) return;
    // Before there is another: the end of a server removes what is at its path.
    this.#server.close();
    this.#server = this.#newServer();
    try {
      prepareFolder(dirname(this.path));
      await this.#listen();
      this.#log.warn(`somebody has removed the control socket: it is at ${this.path} again`);
      this.#isLost = false;
    } catch (error) {
      if (!this.#isLost) this.#log.error(`the control socket is gone: ${reasonOf(error)}`);
      this.#isLost = true;
    }
  }

  #accept(socket: Socket): void {
    const peer = peerOf(socket);
    if (peer === null || (peer.uid !== ROOT && peer.uid !== process.geteuid?.())) {
      this.#log.warn(
        { pid: peer?.pid, uid: peer?.uid },
        'a process without the right to it asked at the control socket',
      );
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
    socket.setTimeout(IDLE_LIMIT_MS, () => socket.destroy());
    // Whoever is gone wants no answer.
    socket.on('error', () => socket.destroy());
    this.#read(socket, peer);
  }

  #read(socket: Socket, peer: PeerCredentials): void {
    let received = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      received += text;
      if (received.length > MAX_REQUEST_BYTES) {
        send(socket, failed('usage', `a request has at most ${MAX_REQUEST_BYTES} bytes`));
        socket.end();
        received = '';
        return;
      }
      if (!received.includes('\n')) return;
      socket.pause();
      const lines = received.split('\n');
      received = lines.pop() ?? '';
      this.#answerLines(socket, peer, lines).finally(() => socket.resume());
    });
  }

  async #answerLines(socket: Socket, peer: PeerCredentials, lines: readonly string[]): Promise<void> {
    // What is asked may take longer than a silence is suffered.
    socket.setTimeout(0);
    for (const line of lines) {
      const parsed = parseRequest(line);
      send(socket, 'problem' in parsed ? failed('usage', parsed.problem) : await this.#ask(parsed.request, peer));
    }
    socket.setTimeout(IDLE_LIMIT_MS);
  }

  async #ask(request: ParsedRequest, peer: PeerCredentials): Promise<ControlAnswer> {
    if (this.#answer === null) await new Promise<void>((resolve) => this.#early.push(resolve));
    try {
      return await this.#answer!(request, peer);
    } catch (error) {
      // A mistake of ours, which must not end the service.
      this.#log.error(`${request.command} failed: ${reasonOf(error)}`);
      return failed('machine', `the service could not do it: ${reasonOf(error)}`);
    }
  }
}

const send = (socket: Socket, answer: ControlAnswer): void => void socket.write(`${JSON.stringify(answer)}\n`);

function prepareFolder(folder: string): void {
  try {
    makeFolder(folder, FOLDER_MODE);
    const { uid, mode } = lstatSync(folder);
    const isOurs = uid === ROOT || uid === process.geteuid?.();
    if (isOurs && (mode & OTHERS_MAY_WRITE) === 0) return;
  } catch (error) {
    throw new MachineError(`${folder}: the folder of the control socket cannot be made: ${reasonOf(error)}`);
  }
  throw new MachineError(
    `${folder}: others may write there, and could put a socket of their own in the place of the control socket: ` +
      'chmod 700 it, or choose another place with --control',
  );
}

async function clearPlace(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new MachineError(`${path} is there and is no socket: choose another with --control`);
  const owner = await ownerOf(path);
  if (owner !== null) {
    throw new MachineError(
      `vpatch is already running: ${owner} answers at ${path}; stop it first (vpatch stop), or give this one another --control`,
    );
  }
  unlinkSync(path);
}

/** Null: nobody listens there any more. */
const ownerOf = (path: string): Promise<string | null> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      const pid = peerOf(socket)?.pid;
      resolve(pid === undefined ? 'a process' : `process ${pid}`);
      socket.destroy();
    });
    socket.once('error', () => resolve(null));
  });
