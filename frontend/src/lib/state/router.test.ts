import { beforeEach, describe, expect, it } from 'vitest';
import { pageAddress, parsePlace, router } from './router.svelte';

describe('addresses', () => {
  it.each([
    ['/cozygen', '', [], ''],
    ['/cozygen/', '', [], ''],
    ['/cozygen/create/a%20b.json', '#queue', ['create', 'a b.json'], 'queue'],
    ['/cozygen/create/%E0%A4%A', '', ['create', '%E0%A4%A'], ''],
    ['/elsewhere', '', [], ''],
  ])('%s%s', (path, hash, segments, panel) => expect(parsePlace(path, hash)).toEqual({ segments, panel }));

  it('are read back', () => {
    const address = pageAddress('create', 'ä/b.json');
    expect(parsePlace(address, '').segments).toEqual(['create', 'ä/b.json']);
  });
});

describe('router', () => {
  beforeEach(() => {
    history.replaceState(null, '', '/cozygen/create/a.json');
    router.start();
  });

  it('opens a panel over the page and keeps the page', () => {
    router.openPanel('queue');
    expect(location.hash).toBe('#queue');
    expect(router.place).toEqual({ segments: ['create', 'a.json'], panel: 'queue' });
  });

  it('closes a panel that was linked to without leaving the app', () => {
    history.replaceState(null, '', '/cozygen/create/a.json#queue');
    router.start();
    router.closePanel();
    expect(location.hash).toBe('');
    expect(router.place.panel).toBe('');
  });

  it('goes to a page without the panel', () => {
    router.openPanel('workflows');
    router.go(['create', 'b.json']);
    expect(location.pathname + location.hash).toBe('/cozygen/create/b.json');
    expect(router.place).toEqual({ segments: ['create', 'b.json'], panel: '' });
  });
});
