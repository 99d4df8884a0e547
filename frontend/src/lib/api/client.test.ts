import { afterEach, describe, expect, it, vi } from 'vitest';
import { address, ApiError, errorFrom, get, post } from './client';

afterEach(() => vi.unstubAllGlobals());

describe('address', () => {
  it('fills in and escapes', () => {
    expect(address('/jobs/{id}/cancel', { id: 'a/b c' })).toBe('/jobs/a%2Fb%20c/cancel');
    expect(address('/view', {}, { filename: 'a&b.png', subfolder: '', page: 1, before: undefined, x: null })).toBe(
      '/view?filename=a%26b.png&subfolder=&page=1',
    );
  });
});

describe('errorFrom', () => {
  it('reads the server’s error', () => {
    const error = errorFrom(400, '{"error":"invalid values","message":"No.","fields":{"Width":"too wide","x":1}}');
    expect(error).toMatchObject({ status: 400, code: 'invalid values', message: 'No.', fields: { Width: 'too wide' } });
  });
  it.each(['', '<h1>Bad Gateway</h1>', 'null', '[]', '{"error":{"type":"x"},"fields":"y"}'])('survives %j', (text) => {
    expect(errorFrom(502, text)).toMatchObject({ status: 502, code: 'http 502', message: 'http 502', fields: {} });
  });
});

describe('requests', () => {
  it('gives the answer', async () => {
    const fetch = vi.fn<typeof globalThis.fetch>(() => Promise.resolve(new Response('{"items":[]}')));
    vi.stubGlobal('fetch', fetch);
    expect(await get('/cozygen/api/workflows')).toEqual({ items: [] });
    expect(fetch.mock.calls[0]?.[0]).toBe('/cozygen/api/workflows');
  });
  it('sends JSON', async () => {
    const fetch = vi.fn<typeof globalThis.fetch>(() => Promise.resolve(new Response('{"jobs":[]}', { status: 201 })));
    vi.stubGlobal('fetch', fetch);
    const body = { workflow: 'a.json', count: 1 };
    await post('/cozygen/api/jobs', { body });
    expect(fetch.mock.calls[0]?.[1]).toMatchObject({ method: 'POST', body: JSON.stringify(body) });
  });
  it('tells a refusal from an absence', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('{"error":"not found"}', { status: 404 })));
    await expect(get('/cozygen/api/workflows')).rejects.toMatchObject({ status: 404, offline: false });
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
    await expect(get('/cozygen/api/workflows')).rejects.toMatchObject({ status: 0, offline: true });
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('<html>')));
    await expect(get('/cozygen/api/workflows')).rejects.toBeInstanceOf(ApiError);
  });
});
