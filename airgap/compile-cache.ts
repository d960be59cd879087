/**
 * Imported first: keeps the compiled form of what is imported after it, which halves the start of a plugin. Several
 * plugins start for every Pulumi command.
 */
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { cacheFolder } from "../cli/paths.ts";

/** Folder of the cache, with the other caches of this project; NODE_COMPILE_CACHE names another. */
export const compileCache = process.env.NODE_COMPILE_CACHE ?? join(cacheFolder(), "node-compile-cache");

enableCompileCache(compileCache);
