/** Calls server actions of the built app as React's script does: by their ids, with arguments in React's own encoding, and with any header. */
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

/** React's own encoder, as Next.js ships it to browsers. */
const { encodeReply } = createRequire(import.meta.url)('next/dist/compiled/react-server-dom-webpack/client.node') as {
  encodeReply(args: readonly unknown[]): Promise<string | FormData>;
};

/** Ids of the build by the names of the actions: whoever knows one can call it. `$$RSC_SERVER_ACTION_0` is the layout's, which does what the console's forms ask for. */
export function actionIds(): ReadonlyMap<string, string> {
  const file = '.next/server/server-reference-manifest.json';
  const { node } = JSON.parse(readFileSync(file, 'utf8')) as { node: Record<string, { exportedName: string }> };
  return new Map(Object.entries(node).map(([id, { exportedName }]) => [exportedName, id]));
}

export interface Encoded {
  readonly type: string;
  readonly body: Buffer;
}

/** The body that React makes of the arguments of an action. */
export async function encoded(args: readonly unknown[]): Promise<Encoded> {
  const response = new Response(await encodeReply(args));
  return { type: response.headers.get('content-type') ?? '', body: Buffer.from(await response.arrayBuffer()) };
}

export function formOf(fields: Readonly<Record<string, string>>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return form;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

interface Sent {
  readonly method?: string;
  readonly path?: string;
  /** Also those that `fetch` does not let anyone set, such as Host. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: Buffer;
}

/** One request, written as it is given. */
export async function send(app: string, { method = 'POST', path = '/', headers = {}, body }: Sent): Promise<Answer> {
  const { hostname, port } = new URL(app);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const setHost = !('host' in headers);
    request({ hostname, port, method, path, headers, setHost }, resolve).once('error', reject).end(body);
  });
  return { status: response.statusCode ?? 0, headers: response.headers, text: await text(response) };
}
