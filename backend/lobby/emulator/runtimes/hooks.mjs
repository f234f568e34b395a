// Finds packages in the folders of layers, and the AWS SDK, for `import`: Node.js uses NODE_PATH for `require` only.
// @ts-check

import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** @type {string[]} */
let folders = [];

/** @param {string[]} data the folders `node_modules` */
export function initialize(data) {
  folders = data;
}

/** @type {import("node:module").ResolveHook} */
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    for (const folder of /^[./]|^[a-z]+:/.test(specifier) ? [] : folders) {
      try {
        return await next(specifier, { ...context, parentURL: pathToFileURL(join(dirname(folder), "_")).href });
      } catch {
        // the next folder may have it
      }
    }
    throw error;
  }
}
