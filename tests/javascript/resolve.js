// Lets Node find the client where the page finds it: a host serves the page at /viewer/ and the client at /client/.

import { register } from "node:module";

register(`data:text/javascript,${encodeURIComponent(`
  export function resolve(specifier, context, next) {
    const name = specifier.startsWith("../client/") && context.parentURL?.includes("/backend/lobby/viewer/") ? specifier : "";
    return name ? { url: new URL("../../../clients/javascript/" + name.slice(3), context.parentURL).href, shortCircuit: true } : next(specifier, context);
  }
`)}`);
