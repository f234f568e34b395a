// Rules for the files of both pages as they are served: no build step, nothing from other hosts, no markup from texts of other people.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const lobby = new URL("../../backend/lobby/", import.meta.url);
const WITH_PAGE = {
  viewer: /^(client|controls|drawing|elements|forms|layout|main|page_life|page_socket|panel|storage|ticker)\.js$/,
  console: /^(api|ask|bans|charts|lists|main|map|rows)\.js$/,
};

for (const [page, with_page] of Object.entries(WITH_PAGE)) {
  const folder = new URL(`${page}/`, lobby);
  const read = (name) => readFileSync(new URL(name, folder), "utf8");
  const files = readdirSync(folder).filter((name) => /\.(js|html|css)$/.test(name));
  const scripts = files.filter((name) => name.endsWith(".js"));

  test(`every file that another one of the ${page} loads exists`, () => {
    const html = read("index.html");
    for (const [, name] of html.matchAll(/(?:src|href)="((?:viewer|console)\/[^"]+)"/g)) assert.ok(existsSync(new URL(name, lobby)), name);
    for (const script of scripts) {
      for (const [, name] of read(script).matchAll(/(?:from |URL\()"(\.\/[^"]+|\.\.\/viewer\/[^"]+)"/g)) assert.ok(existsSync(new URL(name, folder)), `${script}: ${name}`);
    }
    assert.ok(html.includes(`src="${page}/main.js"`));
  });

  test(`nothing of the ${page} is loaded from another host`, () => {
    for (const name of files) {
      const addresses = [...read(name).matchAll(/(?:https?|wss?):\/\/[a-z0-9][^\s"'`)<]*/gi)].map(([url]) => url);
      const outside = addresses.filter((url) => !/^http:\/\/www\.w3\.org\/2000\/svg/.test(url) && !/amazonaws\.com|^ws:\/\/127\.0\.0\.1/.test(url));
      assert.deepEqual(outside, [], name);
      assert.doesNotMatch(read(name), /@import|url\(["']?(?!data:)/, name);
    }
  });

  test(`markup of the ${page} is never made from text`, () => {
    for (const name of scripts) {
      assert.doesNotMatch(read(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, name);
    }
    const policy = read("index.html").match(/content="(default-src[^"]+)"/)[1];
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.doesNotMatch(read("index.html"), /\son[a-z]+=|\sstyle=|<script(?![^>]*src=)/, "the policy would block it");
  });

  test(`every element that a script uses by its id is on the page of the ${page}`, () => {
    const ids = new Set([...read("index.html").matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
    for (const name of scripts) {
      for (const [, id] of read(name).matchAll(/(?:\$|\$input|setText|setFigure|onClick|onSubmit)\("([a-z-]+)"/g)) assert.ok(ids.has(id), `${name}: ${id}`);
    }
  });

  test(`the pure modules of the ${page} use neither page nor clock nor random numbers`, () => {
    const pure = scripts.filter((script) => !with_page.test(script));
    assert.ok(pure.length > 3);
    for (const name of pure) {
      const code = read(name).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
      assert.doesNotMatch(code, /\b(document|window|performance|setTimeout|setInterval|new WebSocket|localStorage)\b|Date\.now|Math\.random/, name);
    }
  });
}
