import { beforeEach, describe, expect, it } from 'vitest';
import { pageAddress, parsePlace, placeAddress, router } from './router.svelte';

describe('addresses', () => {
  it.each([
    ['/cozygen', '', [], ''],
    ['/cozygen/', '', [], ''],
    ['/cozygen/create/a%20b.json', '#queue', ['create', 'a b.json'], 'queue'],
    ['/cozygen/create/%E0%A4%A', '', ['create', '%E0%A4%A'], ''],
    ['/elsewhere', '', [], ''],
  ])('%s%s', (path, hash, segments, panel) => expect(parsePlace(path, hash)).toEqual({ segments, query: {}, panel }));

  it('are read back', () => {
    const address = pageAddress('create', 'ä/b.json');
    expect(parsePlace(address, '').segments).toEqual(['create', 'ä/b.json']);
  });
});

describe('queries', () => {
  it('leave out what is empty and are read back', () => {
    const address = placeAddress(['gallery'], { q: 'a cat & dog', sort: '', folder: undefined });
    expect(address).toBe('/cozygen/gallery?q=a+cat+%26+dog');
    const { pathname, search } = new URL(address, 'http://host');
    expect(parsePlace(pathname, '', search)).toEqual({ segments: ['gallery'], query: { q: 'a cat & dog' }, panel: '' });
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
    expect(router.place).toEqual({ segments: ['create', 'a.json'], query: {}, panel: 'queue' });
  });

  it('closes a panel that was linked to without leaving the app', () => {
    history.replaceState(null, '', '/cozygen/create/a.json#queue');
    router.start();
    router.closePanel();
    expect(location.hash).toBe('');
    expect(router.place.panel).toBe('');
  });

  it('opens a panel in the place of another, without a step for Back', () => {
    router.openPanel('queue');
    const steps = history.length;
    router.openPanel('workflows');
    expect(history.length).toBe(steps);
    expect(history.state).toEqual({ panel: true });
    expect(router.place.panel).toBe('workflows');
  });

  it('goes to a page without the panel', () => {
    router.openPanel('workflows');
    router.go(['create', 'b.json']);
    expect(location.pathname + location.hash).toBe('/cozygen/create/b.json');
    expect(router.place).toEqual({ segments: ['create', 'b.json'], query: {}, panel: '' });
  });

  it('refines what the page is asked for without a step for Back, and keeps it under a panel', () => {
    const steps = history.length;
    router.refine({ q: 'cat' });
    expect(history.length).toBe(steps);
    expect(router.place).toEqual({ segments: ['create', 'a.json'], query: { q: 'cat' }, panel: '' });
    router.openPanel('queue');
    expect(location.search + location.hash).toBe('?q=cat#queue');
    expect(router.place.query).toEqual({ q: 'cat' });
  });
});
