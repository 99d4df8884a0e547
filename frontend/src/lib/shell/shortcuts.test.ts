import { afterEach, describe, expect, it } from 'vitest';
import { GLOBAL_SHORTCUTS, keysOfPage, Shortcuts } from './shortcuts';

afterEach(() => (document.body.innerHTML = ''));

function keyboard(mac = false) {
  let time = 0;
  const shortcuts = new Shortcuts(mac, () => time);
  const press = (key: string, more: Partial<KeyboardEventInit> & { target?: Element } = {}) => {
    const { target = document.body, ...init } = more;
    const event = new KeyboardEvent('keydown', { key, ...init });
    Object.defineProperty(event, 'target', { value: target });
    return shortcuts.read(event);
  };
  return { press, wait: (ms: number) => (time += ms) };
}

function element(html: string): Element {
  document.body.innerHTML = html;
  const first = document.body.querySelector('[data-target]') ?? document.body.firstElementChild;
  if (!first) throw new Error('no element');
  return first;
}

describe('Shortcuts', () => {
  it('goes to a page with two keys one after the other', () => {
    const { press } = keyboard();
    expect(press('g')).toBeNull();
    expect(press('c')).toEqual({ page: 'create' });
    expect(press('c')).toBeNull();
    expect(press('g')).toBeNull();
    expect(press('g')).toEqual({ page: 'gallery' });
    expect(press('q')).toBeNull();
  });

  it('forgets the first key after a while, and when another came between', () => {
    const { press, wait } = keyboard();
    press('g');
    wait(1_600);
    expect(press('c')).toBeNull();
    press('g');
    press('x');
    expect(press('c')).toBeNull();
  });

  it('opens the palette and the sheet', () => {
    const { press } = keyboard();
    expect(press('k', { ctrlKey: true })).toEqual({ panel: 'palette' });
    expect(press('k', { metaKey: true })).toBeNull();
    expect(press('k', { ctrlKey: true, shiftKey: true })).toBeNull();
    expect(press('?', { shiftKey: true })).toEqual({ panel: 'shortcuts' });
  });

  it('leaves a Mac its own Ctrl+K', () => {
    const { press } = keyboard(true);
    expect(press('k', { ctrlKey: true })).toBeNull();
    expect(press('k', { metaKey: true })).toEqual({ panel: 'palette' });
  });

  it.each([
    '<input>',
    '<input type="search">',
    '<textarea></textarea>',
    '<select></select>',
    '<div contenteditable="true"><b data-target>text</b></div>',
  ])('takes no single key from %s', (html) => {
    const { press } = keyboard();
    const target = element(html);
    expect(press('?', { target })).toBeNull();
    press('g', { target });
    expect(press('c', { target })).toBeNull();
    press('g', { target });
    expect(press('c')).toBeNull();
    expect(press('k', { target, ctrlKey: true })).toEqual({ panel: 'palette' });
  });

  it('works on controls in which nothing is typed', () => {
    const { press } = keyboard();
    expect(press('?', { target: element('<input type="checkbox">') })).toEqual({ panel: 'shortcuts' });
    expect(press('?', { target: element('<button><span data-target>A</span></button>') })).not.toBeNull();
  });

  it('does nothing below a dialog', () => {
    const { press } = keyboard();
    element('<dialog open></dialog>');
    expect(press('?')).toBeNull();
    expect(press('k', { ctrlKey: true })).toBeNull();
    element('<div role="dialog" aria-modal="true"></div>');
    expect(press('?')).toBeNull();
    expect(press('k', { ctrlKey: true })).toEqual({ panel: 'palette' });
  });

  it('has each combination once, and tells those of a page', () => {
    const all = GLOBAL_SHORTCUTS.map(({ keys }) => keys.join(' '));
    expect(new Set(all).size).toBe(all.length);
    expect(keysOfPage('queue')).toEqual(['g', 'q']);
    expect(keysOfPage('view')).toEqual([]);
  });
});
