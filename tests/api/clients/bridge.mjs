// ccxt for JavaScript, driven line by line: {id, method, args} in, {id, result} or {id, error} out.
// The first line says how to make the client: {pro, config}. Nothing of ccxt is changed.
import { createInterface } from 'node:readline';
import ccxt from 'ccxt';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { pro, config } = JSON.parse((await lines.next()).value);
const client = pro ? new ccxt.pro.backpack(config) : new ccxt.backpack(config);
// Plain ws:// wants this call first; wss:// needs nothing.
if (pro) await client.loadHttpProxyAgent();

const say = (message) => process.stdout.write(JSON.stringify(message) + '\n');

// Its own methods, what it says it has, and the endpoints it knows.
function facts() {
  const own = Object.getOwnPropertyNames(Object.getPrototypeOf(client));
  return { own, has: client.has, api: client.api, version: ccxt.version };
}

async function answer({ id, method, args }) {
  try {
    // What ccxt calls undefined has no word in JSON.
    const given = args.map((value) => value ?? undefined);
    const result = method === 'facts' ? facts() : await client[method](...given);
    say({ id, result: result ?? null });
  } catch (error) {
    say({ id, error: { type: error.constructor.name, message: String(error.message) } });
  }
}

for await (const line of lines) answer(JSON.parse(line));
process.exit(0);
