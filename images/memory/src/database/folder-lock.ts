import { randomUUID } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError } from "./database.ts";

const IN_USE = /^in-use-.*\.sock$/;
/** Of several that come at the same moment each may see the others and step back; then they come again. */
const ATTEMPTS = 6;

/**
 * Keeps a second process from opening the same folder, which would destroy its database. Whoever wants it listens on a
 * socket of its own in there, then looks whether another one answers: of two, at least the later one sees the other.
 * That works between containers that share a volume, and the dead answer no more.
 */
export class FolderLock {
  readonly #server: Server;
  readonly #path: string;

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  static async take(folder: string): Promise<FolderLock> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await sleep(20 + Math.random() * 100);
      const lock = await FolderLock.#claim(folder);
      if (!(await lock.#othersIn(folder))) return lock;
      await lock.release();
    }
    throw new DatabaseError(
      `The folder of this memory, ${folder}, is in use by another process. Stop that one first: only one can have it open`,
      { unavailable: true, cause: undefined },
    );
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
    await new Promise((resolve) => void this.#server.close(resolve));
  }

  /** Seen by others only once it answers: before that they would take it for dead. */
  static async #claim(folder: string): Promise<FolderLock> {
    const name = randomUUID();
    const hidden = `${folder}/.${name}`;
    const path = `${folder}/in-use-${name}.sock`;
    const server = await listen(hidden);
    await rename(hidden, path);
    return new FolderLock(server, path);
  }

  async #othersIn(folder: string): Promise<boolean> {
    const paths = (await readdir(folder)).filter((name) => IN_USE.test(name)).map((name) => `${folder}/${name}`);
    const others = await Promise.all(
      paths
        .filter((path) => path !== this.#path)
        .map(async (path) => {
          const alive = await answers(path);
          if (!alive) await rm(path, { force: true });
          return alive;
        }),
    );
    return others.includes(true);
  }
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => void socket.destroy()).unref();
    server.once("error", reject);
    server.listen(path, () => resolve(server));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
