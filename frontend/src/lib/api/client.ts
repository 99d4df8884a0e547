import type { paths } from './schema';

type Method = 'get' | 'post' | 'put' | 'delete';
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends object ? P : never;
}[keyof paths];
type JsonOf<T> = T extends { content: { 'application/json': infer Body } } ? Body : never;
type Answer<Operation> = Operation extends { responses: infer R }
  ? JsonOf<R extends { 200: infer Ok } ? Ok : R extends { 201: infer Created } ? Created : never>
  : never;
type QueryOf<Operation> = Operation extends { parameters: { query?: infer Query } } ? Query : never;
type BodyOf<Operation> = Operation extends { requestBody?: { content: { 'application/json': infer Body } } }
  ? Body
  : undefined;

interface Options<Query> {
  path?: Record<string, string>;
  query?: Query;
  signal?: AbortSignal;
  /** Goes on when the page is left; for small bodies. */
  keepalive?: boolean;
}

const TIMEOUT_MS = 30_000;

/** An answer other than success, or none at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Field key -> a sentence about what is wrong with it. */
    readonly fields: Record<string, string> = {},
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** The server did not answer: it is away, or the network is. */
  get offline(): boolean {
    return this.status === 0;
  }
}

/** An `ApiError` from a response's status and text; understands the server's error bodies and anything else. */
export function errorFrom(status: number, text: string): ApiError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = null;
  }
  const { error, message, fields } = (body ?? {}) as Record<string, unknown>;
  const code = typeof error === 'string' ? error : `http ${status}`;
  const sentences = Object.entries(fields && typeof fields === 'object' ? fields : {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return new ApiError(
    status,
    code,
    typeof message === 'string' && message ? message : code,
    Object.fromEntries(sentences),
  );
}

/** `path` with its `{parameters}` filled in and `query` appended; parameters that are null or undefined are left out. */
export function address(path: string, parameters: Record<string, string> = {}, query: object = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parameters[name] ?? ''));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${filled}?${text}` : filled;
}

let unauthorized = (): void => undefined;

/** Call `listener` whenever the server refuses a request because nobody is signed in. */
export function onUnauthorized(listener: () => void): void {
  unauthorized = listener;
}

const UNAUTHORIZED = 'unauthorized';

function refused(status: number, text: string): ApiError {
  const error = errorFrom(status, text);
  if (status === 401 && error.code === UNAUTHORIZED) unauthorized();
  return error;
}

/** The text of an answer, for what is not to go through `JSON.parse`, or is sent otherwise. Throws `ApiError`. */
export async function exchange(
  url: string,
  init: RequestInit,
  signal?: AbortSignal,
  milliseconds = TIMEOUT_MS,
): Promise<string> {
  const timeout = AbortSignal.timeout(milliseconds);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { ...init, signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'offline', error instanceof Error ? error.message : String(error));
  }
  if (!response.ok) throw refused(response.status, text);
  return text;
}

async function request(url: string, init: RequestInit, signal?: AbortSignal): Promise<unknown> {
  const text = await exchange(url, init, signal);
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    throw new ApiError(200, 'bad answer', 'The server answered with something that is not JSON.');
  }
}

/** GET a path of the API. Throws `ApiError`. */
export async function get<P extends PathsWith<'get'>>(
  path: P,
  options: Options<QueryOf<paths[P]['get']>> = {},
): Promise<Answer<paths[P]['get']>> {
  const url = address(path, options.path, options.query ?? {});
  const answer = await request(url, { headers: { Accept: 'application/json' } }, options.signal);
  return answer as Answer<paths[P]['get']>;
}

type Sending<O> = Options<QueryOf<O>> & { body?: BodyOf<O> };

async function send(method: string, path: string, options: Options<unknown> & { body?: unknown }): Promise<unknown> {
  const init: RequestInit = { method, headers: { Accept: 'application/json' }, keepalive: options.keepalive ?? false };
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body);
    init.headers = { ...init.headers, 'Content-Type': 'application/json' };
  }
  return request(address(path, options.path, options.query as object | undefined), init, options.signal);
}

/** POST to a path of the API. Throws `ApiError`. */
export async function post<P extends PathsWith<'post'>>(
  path: P,
  options: Sending<paths[P]['post']> = {},
): Promise<Answer<paths[P]['post']>> {
  return (await send('POST', path, options)) as Answer<paths[P]['post']>;
}

/** PUT to a path of the API. Throws `ApiError`. */
export async function put<P extends PathsWith<'put'>>(
  path: P,
  options: Sending<paths[P]['put']> = {},
): Promise<Answer<paths[P]['put']>> {
  return (await send('PUT', path, options)) as Answer<paths[P]['put']>;
}

/** DELETE a path of the API. Throws `ApiError`. */
export async function remove<P extends PathsWith<'delete'>>(
  path: P,
  options: Sending<paths[P]['delete']> = {},
): Promise<Answer<paths[P]['delete']>> {
  return (await send('DELETE', path, options)) as Answer<paths[P]['delete']>;
}

/**
 * Upload a picture or clip into the input folder; its path there. `progress` is called with 0..1.
 * Uses XMLHttpRequest because fetch cannot tell how far an upload is. Throws `ApiError`.
 */
export function upload(file: File, progress: (fraction: number) => void, signal?: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append('image', file, file.name || 'image.png');
    const xhr = new XMLHttpRequest();
    xhr.open('POST', '/cozygen/upload_image');
    xhr.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total > 0) progress(event.loaded / event.total);
    };
    xhr.onload = () => {
      if (xhr.status < 200 || xhr.status >= 300) {
        reject(refused(xhr.status, xhr.responseText));
        return;
      }
      const { filename } = JSON.parse(xhr.responseText) as { filename: string };
      resolve(filename);
    };
    xhr.onerror = () => reject(new ApiError(0, 'offline', 'The connection was lost.'));
    xhr.onabort = () => reject(new DOMException('The upload was stopped.', 'AbortError'));
    signal?.addEventListener('abort', () => xhr.abort(), { once: true });
    xhr.send(form);
  });
}
