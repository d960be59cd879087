/**
 * What a Pulumi plugin process has to do besides answering: listen on a free loopback port, print that port as the
 * only first line of stdout, and go away with the engine that started it.
 */
import * as grpc from "@grpc/grpc-js";

const PARENT_CHECK_MS = 2_000;

/** Serves one gRPC service as a Pulumi plugin; resolves when the port has been printed. */
export async function servePlugin(
  service: grpc.ServiceDefinition,
  handlers: grpc.UntypedServiceImplementation,
): Promise<void> {
  const server = new grpc.Server({
    // A state with large uploads is one message; the engine sets no limit of its own either.
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  server.addService(service, handlers);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  process.stdout.write(`${port}\n`);
  exitWithParent();
}

/** A killed engine cannot tell its plugins to stop: they notice that they have been handed to another parent. */
function exitWithParent(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(0);
  }, PARENT_CHECK_MS).unref();
}

type Unary<Request, Response> = (request: Request, call: grpc.ServerUnaryCall<Request, Response>) => Promise<Response>;

/** A unary gRPC handler from an async function; a thrown error becomes the status that the engine shows. */
export function unary<Request, Response>(handler: Unary<Request, Response>): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    handler(call.request, call).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toServiceError(error)),
    );
  };
}

/** An error with gRPC metadata (a partial failure that still carries state) is passed on as it is. */
export class StatusError extends Error {
  readonly code: grpc.status;
  readonly metadata: grpc.Metadata;
  constructor(code: grpc.status, message: string, metadata = new grpc.Metadata()) {
    super(message);
    this.code = code;
    this.metadata = metadata;
  }
}

function toServiceError(error: unknown): Partial<grpc.StatusObject> {
  if (error instanceof StatusError) return { code: error.code, details: error.message, metadata: error.metadata };
  return { code: grpc.status.UNKNOWN, details: error instanceof Error ? error.message : String(error) };
}
