// The program inside an environment of a Node.js function: imports the handler and calls it with one event after the other.
// Started by `programs`.
//
// Its only argument is a JSON object: `handler`; `folders`, the folders of packages beside those of the code; `aws`, the pattern
// of AWS's hosts; and `port`, where the emulator answers for them. Between two events the process stands still, as on AWS.
// @ts-check

import { existsSync, readFileSync, readSync, statSync, writeSync } from "node:fs";
import { createRequire, register } from "node:module";
import { Socket } from "node:net";
import path from "node:path";
import { TLSSocket } from "node:tls";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

/**
 * @typedef {{ event: string, context: Record<string, string>, remaining_ms: number, trace_id: string }} Request
 * @typedef {(event: unknown, context: object, callback: (error?: unknown, result?: unknown) => void) => unknown} Handler
 */

/** Begins each answer, so that no other output is taken for one. */
const RECORD = "\x1e";
/** The largest answer of a function. */
const ANSWER_BYTES = 6_291_556;
const IN = 0, OUT = 1, LOG = 2;
const MISSING = new Set(["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"]);

const settings = JSON.parse(process.argv[2]);
process.argv.splice(2);
const is_json = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const lowest = is_json ? LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL || "INFO") : 0;
let request_id = "";
/** Is called when nothing is left to do, before the current event has an answer. @type {(() => void) | undefined} */
let idle;

// ── channels ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** @param {number} channel @param {string | Uint8Array} text */
function put(channel, text) {
  /** @type {Uint8Array} */
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(channel, bytes));
    } catch (error) {
      if (code(error) !== "EAGAIN") throw error;
      wait();
    }
  }
}

/** Waits a moment without running anything. */
function wait() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

/** @type {Uint8Array} */
let pending = Buffer.alloc(0);
const chunk = Buffer.alloc(65536);

/** The next line of standard input; undefined at its end. Nothing else runs meanwhile. @returns {string | undefined} */
function read_line() {
  const parts = [pending];
  for (;;) {
    const last = /** @type {Uint8Array} */ (parts.at(-1)), end = last.indexOf(10);
    if (end >= 0) {
      pending = last.subarray(end + 1);
      parts[parts.length - 1] = last.subarray(0, end);
      return Buffer.concat(parts).toString();
    }
    let size = 0;
    try {
      size = readSync(IN, chunk);
    } catch (error) {
      if (code(error) === "EOF") return undefined;
      if (code(error) !== "EAGAIN") throw error;
      wait();
      continue;
    }
    if (size === 0) return undefined;
    parts.push(Buffer.from(chunk.subarray(0, size)));
  }
}

/** @param {object} answer */
function send(answer) {
  put(OUT, `${RECORD}${JSON.stringify(answer)}\n`);
}

/** @param {unknown} error @returns {string | undefined} */
function code(error) {
  return error instanceof Error ? /** @type {NodeJS.ErrnoException} */ (error).code : undefined;
}

// ── logs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Writes one event to the log. Its lines are separated by carriage returns, so that it stays one event.
 * @param {string} level @param {unknown[]} values */
function write_log(level, values) {
  if (LEVELS.indexOf(level) < lowest) return;
  const at = new Date().toISOString();
  let line = `${at}\t${request_id}\t${level}\t${format(...values)}`;
  if (is_json) {
    const about = { timestamp: at, level, requestId: request_id };
    const [first] = values;
    const is_object = values.length === 1 && typeof first === "object" && first !== null && !(first instanceof Error);
    const error = values.find((value) => value instanceof Error);
    try {
      line = JSON.stringify({ ...about, message: is_object ? first : format(...values), ...(error ? described(error) : {}) });
    } catch {
      line = JSON.stringify({ ...about, message: format(...values) });
    }
  }
  put(LOG, line.replace(/\r?\n/g, "\r") + "\n");
}

/** An error as Lambda writes it. @param {unknown} error */
function described(error) {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), stack: [] };
  return { errorType: error.name, errorMessage: error.message, ...error, stack: (error.stack ?? "").split("\n") };
}

/** @param {string} what @param {unknown} error */
function log_error(what, error) {
  let text = String(error);
  try {
    text = JSON.stringify(described(error));
  } catch {
    // an error with fields that JSON cannot represent
  }
  write_log("ERROR", is_json ? [error] : [`${what}\t${text}`]);
}

function take_over_logs() {
  for (const level of /** @type {const} */ (["trace", "debug", "info", "warn", "error"])) {
    console[level] = (...values) => write_log(level.toUpperCase(), values);
  }
  console.log = (...values) => write_log("INFO", values);
  for (const stream of [process.stdout, process.stderr]) {
    stream.write = /** @type {typeof stream.write} */ (
      (/** @type {string | Uint8Array} */ text, /** @type {unknown} */ encoding, /** @type {unknown} */ done) => {
        put(LOG, text);
        const ended = typeof encoding === "function" ? encoding : done;
        if (typeof ended === "function") ended();
        return true;
      }
    );
  }
}

// ── network ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Makes connections to AWS's hosts lead to the emulator. The SDK does not use the proxy of the environment. */
function lead_to_emulator() {
  const aws = new RegExp(settings.aws), connect = Socket.prototype.connect;
  /** @this {Socket} @param {any[]} words */
  function redirected(...words) {
    // Node's own callers pass one array, which contains the options and a callback.
    const place = Array.isArray(words[0]) ? words[0] : words;
    if (typeof place[0] === "object" && place[0] !== null) {
      const host = String(place[0].host ?? "").toLowerCase();
      const is_secure = this instanceof TLSSocket;
      if (aws.test(host) || (is_secure && place[0].port !== undefined && `${host}:${place[0].port}` === settings.gateway)) {
        place[0] = { ...place[0], host: "127.0.0.1", port: settings.port, lookup: undefined };
      }
    } else if (typeof place[1] === "string" && aws.test(place[1].toLowerCase())) {
      place.splice(0, 2, settings.port, "127.0.0.1");
    }
    return Reflect.apply(connect, this, words);
  }
  Socket.prototype.connect = /** @type {typeof connect} */ (redirected);
}

// ── handler ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The handler with the name `a/b.handler`, where `handler` may be a path of names. @returns {Promise<Handler>} */
async function load() {
  const root = process.env.LAMBDA_TASK_ROOT ?? process.cwd();
  const folder = path.dirname(settings.handler), name = path.basename(settings.handler);
  const [, module, names] = /^([^.]*)\.(.+)$/.exec(name) ?? [];
  if (names === undefined) throw named("Runtime.MalformedHandlerName", `Bad handler '${settings.handler}': it must be MODULE.FUNCTION`);
  const stem = path.resolve(root, folder, module);
  const file = ["", ".js", ".mjs", ".cjs"].map((suffix) => stem + suffix).find((one) => existsSync(one) && statSync(one).isFile());
  if (file === undefined && !existsSync(stem)) {
    const source = [".ts", ".mts", ".tsx"].map((suffix) => stem + suffix).find(existsSync);
    const hint = source ? ` ${path.basename(source)} has to be compiled first, for example with \`sam build\`.` : "";
    throw named("Runtime.ImportModuleError", `Error: Cannot find module '${path.join(folder, module)}'.${hint}`);
  }
  /** @type {any} */
  let found;
  try {
    found = await imported(file ?? stem);
  } catch (error) {
    if (error instanceof SyntaxError) throw named("Runtime.UserCodeSyntaxError", String(error), error);
    if (!MISSING.has(code(error) ?? "")) throw error;
    const missing = /'((@aws-sdk|@smithy)\/[^']+|aws-sdk)'/.exec(String(error))?.[1];
    const text = /** @type {Error} */ (error).message.split("\n")[0];
    throw named("Runtime.ImportModuleError", `Error: ${text}.${missing ? hint(missing) : ""}`, error);
  }
  const within = (/** @type {any} */ start) => names.split(".").reduce((/** @type {any} */ value, key) => value?.[key], start);
  const handler = within(found) ?? within(found?.default);
  if (typeof handler !== "function") {
    throw named("Runtime.HandlerNotFound", `${settings.handler} is ${handler === undefined ? "undefined or not exported" : "not a function"}`);
  }
  return handler;
}

/** @param {string} file @returns {Promise<unknown>} */
async function imported(file) {
  const is_module = file.endsWith(".mjs") || (file.endsWith(".js") && package_type(path.dirname(file)) === "module");
  return is_module ? import(pathToFileURL(file).href) : createRequire(pathToFileURL(file))(file);
}

/** What to do about a package of the SDK that is missing. @param {string} name */
function hint(name) {
  const runtime = (process.env.AWS_EXECUTION_ENV ?? "").replace("AWS_Lambda_", "");
  const is_contained = (name === "aws-sdk") === (runtime === "nodejs16.x");
  if (!is_contained) return ` AWS's ${runtime} does not contain ${name} either: add it to the package of the function.`;
  return ` AWS's ${runtime} contains it, this machine does not: run \`npm install ${name}\` beside the template.`;
}

/** The type of the nearest package. @param {string} folder @returns {unknown} */
function package_type(folder) {
  const file = path.join(folder, "package.json"), parent = path.dirname(folder);
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")).type;
  return parent === folder ? undefined : package_type(parent);
}

/** @param {string} name @param {string} message @param {unknown} [cause] */
function named(name, message, cause) {
  const error = new Error(message, cause === undefined ? {} : { cause });
  error.name = name;
  return error;
}

// ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Reads the next event and handles it. @param {Handler | Error} handler */
function turn(handler) {
  const line = read_line();
  if (line === undefined) process.exit(0);
  /** @type {Request} */
  const request = JSON.parse(line), about = request.context;
  const began = performance.now(), cpu = process.cpuUsage(), deadline = began + request.remaining_ms;
  request_id = about.aws_request_id;
  process.env._X_AMZN_TRACE_ID = request.trace_id;
  let is_over = false;

  /** @param {unknown} error @param {unknown} [result] */
  function end(error, result) {
    if (is_over) return;
    is_over = true;
    idle = undefined;
    /** @type {Record<string, unknown>} */
    const answer = {};
    try {
      if (error !== undefined && error !== null) throw error;
      let text;
      try {
        text = JSON.stringify(result === undefined ? null : result) ?? "null";
      } catch (reason) {
        throw named("Runtime.MarshalError", `Unable to stringify response body: ${reason}`);
      }
      if (Buffer.byteLength(text) > ANSWER_BYTES) {
        throw named("Function.ResponseSizeTooLarge", `the answer has more than ${ANSWER_BYTES} bytes`);
      }
      answer.result = text;
    } catch (reason) {
      log_error("Invoke Error ", reason);
      answer.error = reason instanceof Error ? reason.message : String(reason);
    }
    const used = process.cpuUsage(cpu);
    send({ ...answer, ms: performance.now() - began, cpu_ms: (used.user + used.system) / 1000 });
    setImmediate(turn, handler);
  }

  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: about.function_name,
    functionVersion: about.function_version,
    invokedFunctionArn: about.invoked_function_arn,
    memoryLimitInMB: about.memory_limit_in_mb,
    awsRequestId: about.aws_request_id,
    logGroupName: about.log_group_name,
    logStreamName: about.log_stream_name,
    identity: undefined,
    clientContext: undefined,
    getRemainingTimeInMillis: () => Math.max(0, Math.floor(deadline - performance.now())),
    succeed: (/** @type {unknown} */ result) => end(undefined, result),
    fail: (/** @type {unknown} */ error) => end(error ?? new Error("handled")),
    done: (/** @type {unknown} */ error, /** @type {unknown} */ result) => end(error, result),
  };
  /** @param {unknown} [error] @param {unknown} [result] */
  function callback(error, result) {
    if (context.callbackWaitsForEmptyEventLoop && !error) idle = () => end(undefined, result);
    else end(error, result);
  }

  idle = () => end(undefined, null); // a handler that never calls back
  try {
    if (handler instanceof Error) throw handler;
    const result = handler(JSON.parse(request.event), context, callback);
    if (result !== null && typeof result === "object" && "then" in result) {
      idle = () => end(named("Runtime.NodeJsExit", "The handler's promise was never settled, and nothing is left to do."));
      Promise.resolve(result).then((value) => end(undefined, value), (error) => end(error ?? new Error("rejected")));
    }
  } catch (error) {
    end(error ?? new Error("handled"));
  }
}

/** Ends the environment, as Lambda does after an error that no code catches. @param {string} what @param {unknown} error */
function die(what, error) {
  log_error(what, error);
  process.exit(1);
}

async function main() {
  process.on("beforeExit", () => idle?.());
  process.on("uncaughtException", (error) => die("Uncaught Exception ", error));
  process.on("unhandledRejection", (error) => die("Unhandled Promise Rejection ", error));
  take_over_logs();
  lead_to_emulator();
  if (settings.folders.length > 0) register("./hooks.mjs", import.meta.url, { data: settings.folders });
  const began = performance.now();
  /** @type {Handler | Error} */
  let handler;
  try {
    handler = await load();
  } catch (error) {
    handler = error instanceof Error ? error : new Error(String(error));
  }
  send({ init_ms: performance.now() - began });
  setImmediate(turn, handler);
}

await main();
