import { describe, expect, it } from 'vitest';
import { isKeepable, wayOf } from './rules';

const ORIGIN = 'https://studio.example';
const FILES = new Set(['/cozygen/assets/main-1a2b.js', '/cozygen/icon.svg']);
const way = (path: string, mode = 'cors', method = 'GET') =>
  wayOf({ method, mode, url: path.startsWith('http') ? path : ORIGIN + path }, ORIGIN, FILES);

describe('wayOf', () => {
  it.each([
    '/cozygen/',
    '/cozygen/create',
    '/cozygen/create/a%20b.json',
    '/cozygen/view/2026/a.png',
    '/cozygen/gallery?q=x',
  ])('is a page: %s', (path) => expect(way(path, 'navigate')).toBe('page'));

  it.each(['/cozygen/api/docs', '/cozygen/thumb?filename=a.png', '/cozygen/icon.svg', '/view?filename=a.png', '/'])(
    'is no page though one goes there: %s',
    (path) => expect(way(path, 'navigate')).toBe('network'),
  );

  it.each([
    '/cozygen/api/jobs',
    '/cozygen/api/events',
    '/cozygen/hello',
    '/cozygen/workflows',
    '/cozygen/assets/other-9z.js',
    '/view?filename=a.png',
    'https://elsewhere.example/cozygen/icon.svg',
  ])('is left alone: %s', (path) => expect(way(path)).toBe('network'));

  it('leaves alone what changes something', () => {
    expect(way('/cozygen/icon.svg', 'cors', 'POST')).toBe('network');
    expect(way('/cozygen/create', 'navigate', 'POST')).toBe('network');
  });

  it('knows the files of the build and small pictures', () => {
    expect(way('/cozygen/assets/main-1a2b.js')).toBe('file');
    expect(way('/cozygen/thumb?filename=a.png&v=12', 'no-cors')).toBe('settled-thumb');
    expect(way('/cozygen/thumb?filename=a.png', 'no-cors')).toBe('thumb');
  });
});

describe('isKeepable', () => {
  const answer = (status: number, caching: string, type = 'basic') => {
    const response = new Response(null, { status, headers: { 'Cache-Control': caching } });
    Object.defineProperty(response, 'type', { value: type });
    return response;
  };
  it('keeps whole answers of our own that are final', () => {
    expect(isKeepable(answer(200, 'private, max-age=31536000, immutable'))).toBe(true);
    expect(isKeepable(answer(200, 'public, no-cache'))).toBe(false);
    expect(isKeepable(answer(404, ''))).toBe(false);
    expect(isKeepable(answer(401, ''))).toBe(false);
    expect(isKeepable(answer(200, '', 'opaque'))).toBe(false);
  });
});
