/**
 * Serves resources over Pulumi's ResourceProvider protocol. The class that `@pulumi/pulumi/provider` offers cannot
 * say which property differs and how, nor preview, nor keep what was created when its start fails, all of which the
 * official providers do: so this is the protocol itself, and resources are plain objects behind it.
 *
 * Secrets: the provider declares that it does not take secrets, as the official ones do. The engine then hands over
 * plain values and marks every output secret whose input was secret.
 */
import { randomBytes } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engineProto from "@pulumi/pulumi/proto/engine_pb.js";
import type { PluginAttach } from "@pulumi/pulumi/proto/plugin_pb.js";
import pluginProto from "@pulumi/pulumi/proto/plugin_pb.js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type {
  CheckRequest,
  ConfigureRequest,
  CreateRequest,
  DeleteRequest,
  DiffRequest,
  InvokeRequest,
  ReadRequest,
  UpdateRequest,
} from "@pulumi/pulumi/proto/provider_pb.js";
import providerProto from "@pulumi/pulumi/proto/provider_pb.js";
import statusProto from "@pulumi/pulumi/proto/status_pb.js";
import anyProto from "google-protobuf/google/protobuf/any_pb.js";
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import structProto from "google-protobuf/google/protobuf/struct_pb.js";
import { StatusError, servePlugin, unary } from "../grpc-plugin.ts";
import type { Difference, Kind } from "./diff.ts";
import type { Checked, Failure } from "./schema.ts";
import { isMap, type PropertyMap, plain, type Value } from "./values.ts";

export interface Context {
  urn: string;
  /** A lasting message at the resource. */
  log(severity: "info" | "warning", message: string): void;
  /** What is going on right now; shown beside the resource while it is worked on. */
  status(message: string): void;
  /** Aborted when the user cancels. */
  signal: AbortSignal;
}

export interface CheckArgs {
  inputs: PropertyMap;
  /** Checked inputs of the resource as it exists, if it does. */
  oldInputs: PropertyMap | undefined;
  /** A name for a resource that was given none, kept for its life. */
  autoName: () => string;
}

export interface DiffResult {
  differences: Difference[];
  deleteBeforeReplace?: boolean;
  /** False where the official provider names differences in its detailed diff alone. */
  summarise?: boolean;
}

export interface Resource {
  check(args: CheckArgs, context: Context): Promise<Checked>;
  diff(state: PropertyMap, inputs: PropertyMap, oldInputs: PropertyMap): DiffResult;
  /** Outputs as far as a preview knows them: what is not known yet is UNKNOWN. `state` is that of an update. */
  preview(inputs: PropertyMap, state: PropertyMap | undefined): PropertyMap;
  create(inputs: PropertyMap, context: Context): Promise<{ id: string; state: PropertyMap }>;
  /** Undefined: the resource does not exist any more. On import, inputs and most of the state are empty. */
  read(
    id: string,
    state: PropertyMap,
    inputs: PropertyMap,
    context: Context,
  ): Promise<{ id: string; state: PropertyMap; inputs: PropertyMap } | undefined>;
  update?(id: string, state: PropertyMap, inputs: PropertyMap, context: Context): Promise<PropertyMap>;
  delete(id: string, state: PropertyMap, context: Context): Promise<void>;
}

export interface Provider {
  name: string;
  version: string;
  resources: Record<string, Resource>;
  functions: Record<string, (args: PropertyMap, context: Context) => Promise<PropertyMap>>;
  checkConfig(config: PropertyMap): Failure[];
  configure(config: PropertyMap): Promise<void>;
}

/** The resource exists, but did not come up: the engine records it and says why. */
export class InitFailure extends Error {
  readonly id: string;
  readonly state: PropertyMap;
  constructor(id: string, state: PropertyMap, reason: string) {
    super(reason);
    this.id = id;
    this.state = state;
  }
}

type Struct = InstanceType<typeof structProto.Struct>;

const fromStruct = (struct: Struct | undefined): PropertyMap => {
  const value = plain((struct?.toJavaScript() ?? {}) as PropertyMap);
  return isMap(value) ? value : {};
};
const toStruct = (value: PropertyMap): Struct => structProto.Struct.fromJavaScript(value);

const severities = { info: engineProto.LogSeverity.INFO, warning: engineProto.LogSeverity.WARNING };

export async function serveProvider(provider: Provider, args: readonly string[]): Promise<void> {
  let engine = args.at(-1) ? connect(args.at(-1) ?? "") : undefined;
  const cancelled = new AbortController();

  const contextOf = (urn: string): Context => {
    const send = (severity: "info" | "warning", message: string, ephemeral: boolean) => {
      const request = new engineProto.LogRequest();
      request.setUrn(urn);
      request.setSeverity(severities[severity]);
      request.setMessage(message);
      request.setEphemeral(ephemeral);
      // A message that cannot be shown is no reason to fail the operation it is about.
      engine?.log(request, () => {});
    };
    return {
      urn,
      log: (severity, message) => send(severity, message, false),
      status: (message) => send("info", message, true),
      signal: cancelled.signal,
    };
  };

  const resourceOf = (urn: string): Resource => {
    const type = typeOf(urn);
    const resource = provider.resources[type];
    if (resource) return resource;
    throw new Error(
      `resource type ${type} is not supported by the stand-in for the ${provider.name} provider; ` +
        `supported: ${Object.keys(provider.resources).join(", ")}. Install the official plugin to use it`,
    );
  };

  const handlers: grpc.UntypedServiceImplementation = {
    handshake: unary(async () => new providerProto.ProviderHandshakeResponse()),
    attach: unary(async (request: PluginAttach) => {
      engine = connect(request.getAddress());
      return new emptyProto.Empty();
    }),
    cancel: unary(async () => {
      cancelled.abort(new Error("cancelled"));
      return new emptyProto.Empty();
    }),
    getPluginInfo: unary(async () => {
      const response = new pluginProto.PluginInfo();
      response.setVersion(provider.version);
      return response;
    }),
    getSchema: unary(async () => {
      const response = new providerProto.GetSchemaResponse();
      response.setSchema(JSON.stringify({ name: provider.name, version: provider.version }));
      return response;
    }),
    checkConfig: unary(async (request: CheckRequest) => {
      const config = fromStruct(request.getNews());
      return checkResponse({ inputs: config, failures: provider.checkConfig(decodeConfig(config)) });
    }),
    configure: unary(async (request: ConfigureRequest) => {
      await provider.configure(decodeConfig(fromStruct(request.getArgs())));
      const response = new providerProto.ConfigureResponse();
      response.setSupportspreview(true);
      response.setSupportsAutonamingConfiguration(true);
      return response;
    }),
    check: unary(async (request: CheckRequest) => {
      const urn = request.getUrn();
      const autonaming = request.getAutonaming();
      const checked = await resourceOf(urn).check(
        {
          inputs: fromStruct(request.getNews()),
          oldInputs: request.hasOlds() ? fromStruct(request.getOlds()) : undefined,
          autoName: () =>
            autonaming?.getProposedName() || `${nameOf(urn)}-${randomBytes(4).toString("hex").slice(0, 7)}`,
        },
        contextOf(urn),
      );
      return checkResponse(checked);
    }),
    diff: unary(async (request: DiffRequest) => {
      const resource = resourceOf(request.getUrn());
      return diffResponse(
        resource.diff(fromStruct(request.getOlds()), fromStruct(request.getNews()), fromStruct(request.getOldInputs())),
      );
    }),
    create: unary(async (request: CreateRequest) => {
      const resource = resourceOf(request.getUrn());
      const inputs = fromStruct(request.getProperties());
      const response = new providerProto.CreateResponse();
      if (request.getPreview()) {
        response.setProperties(toStruct(resource.preview(inputs, undefined)));
        return response;
      }
      const { id, state } = await withState(() => resource.create(inputs, contextOf(request.getUrn())));
      response.setId(id);
      response.setProperties(toStruct(state));
      return response;
    }),
    update: unary(async (request: UpdateRequest) => {
      const resource = resourceOf(request.getUrn());
      const inputs = fromStruct(request.getNews());
      const olds = fromStruct(request.getOlds());
      const response = new providerProto.UpdateResponse();
      const state = request.getPreview()
        ? resource.preview(inputs, olds)
        : await withState(
            async () => (await resource.update?.(request.getId(), olds, inputs, contextOf(request.getUrn()))) ?? olds,
          );
      response.setProperties(toStruct(state));
      return response;
    }),
    read: unary(async (request: ReadRequest) => {
      const response = new providerProto.ReadResponse();
      const found = await resourceOf(request.getUrn()).read(
        request.getId(),
        fromStruct(request.getProperties()),
        fromStruct(request.getInputs()),
        contextOf(request.getUrn()),
      );
      if (found) {
        response.setId(found.id);
        response.setProperties(toStruct(found.state));
        response.setInputs(toStruct(found.inputs));
      }
      return response;
    }),
    delete: unary(async (request: DeleteRequest) => {
      const urn = request.getUrn();
      await resourceOf(urn).delete(request.getId(), fromStruct(request.getProperties()), contextOf(urn));
      return new emptyProto.Empty();
    }),
    invoke: unary(async (request: InvokeRequest) => {
      const token = request.getTok();
      const run = provider.functions[token];
      if (!run) {
        const supported = Object.keys(provider.functions).join(", ") || "none";
        throw new Error(
          `function ${token} is not supported by the stand-in for the ${provider.name} provider; supported: ${supported}`,
        );
      }
      const response = new providerProto.InvokeResponse();
      response.setReturn(toStruct(await run(fromStruct(request.getArgs()), contextOf(""))));
      return response;
    }),
  };
  await servePlugin(providerGrpc.ResourceProviderService, handlers);
}

function connect(address: string): InstanceType<typeof engineGrpc.EngineClient> {
  return new engineGrpc.EngineClient(address, grpc.credentials.createInsecure());
}

/** `urn:pulumi:dev::project::parent$docker:index/network:Network::front` → its own type, and `front`. */
function typeOf(urn: string): string {
  return (urn.split("::")[2] ?? "").split("$").at(-1) ?? "";
}

function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

/** Configuration that is no string arrives as JSON text. */
function decodeConfig(config: PropertyMap): PropertyMap {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      if (typeof value !== "string" || !/^([[{]|true$|false$)/.test(value)) return [key, value];
      try {
        return [key, JSON.parse(value) as Value];
      } catch {
        return [key, value];
      }
    }),
  );
}

function checkResponse({ inputs, failures }: Checked): InstanceType<typeof providerProto.CheckResponse> {
  const response = new providerProto.CheckResponse();
  response.setInputs(toStruct(inputs));
  for (const { property, reason } of failures) {
    const failure = new providerProto.CheckFailure();
    // Given the property, the engine prints its value too, which may be a secret: the name is enough.
    failure.setReason(`\`${property}\` ${reason}`);
    response.addFailures(failure);
  }
  return response;
}

const kinds = providerProto.PropertyDiff.Kind;
const kindOf: Record<Kind, [number, number]> = {
  add: [kinds.ADD, kinds.ADD_REPLACE],
  delete: [kinds.DELETE, kinds.DELETE_REPLACE],
  update: [kinds.UPDATE, kinds.UPDATE_REPLACE],
};

function diffResponse(result: DiffResult): InstanceType<typeof providerProto.DiffResponse> {
  const { differences, deleteBeforeReplace = false, summarise = true } = result;
  const response = new providerProto.DiffResponse();
  const changes = providerProto.DiffResponse.DiffChanges;
  response.setChanges(differences.length > 0 ? changes.DIFF_SOME : changes.DIFF_NONE);
  response.setHasdetaileddiff(true);
  for (const { path, kind, replace } of differences) {
    const difference = new providerProto.PropertyDiff();
    difference.setKind(kindOf[kind][replace ? 1 : 0] as 0);
    response.getDetaileddiffMap().set(path, difference);
  }
  const names = (chosen: Difference[]) => [...new Set(chosen.map(({ path }) => path.split(/[.[]/)[0] ?? path))];
  if (summarise) response.setDiffsList(names(differences));
  const replacing = differences.filter(({ replace }) => replace);
  response.setReplacesList(names(replacing));
  response.setDeletebeforereplace(replacing.length > 0 && deleteBeforeReplace);
  return response;
}

/** Turns an `InitFailure` into the status by which the engine learns what exists nevertheless. */
async function withState<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (!(error instanceof InitFailure)) throw error;
    const detail = new providerProto.ErrorResourceInitFailed();
    detail.setId(error.id);
    detail.setProperties(toStruct(error.state));
    detail.setReasonsList([error.message]);
    const packed = new anyProto.Any();
    packed.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
    const status = new statusProto.Status();
    status.setCode(grpc.status.UNKNOWN);
    status.setMessage(error.message);
    status.addDetails(packed);
    const metadata = new grpc.Metadata();
    metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
    throw new StatusError(grpc.status.UNKNOWN, error.message, metadata);
  }
}
