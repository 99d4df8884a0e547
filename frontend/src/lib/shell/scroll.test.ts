import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { elementAt, pathOf, ScrollMemory } from './scroll';

beforeEach(() => {
  sessionStorage.clear();
  document.body.innerHTML = '<main><div></div><section><p></p><div id="pane"></div></section></main><aside></aside>';
});
afterEach(() => vi.restoreAllMocks());

const main = () => document.querySelector('main') as Element;
const pane = () => document.getElementById('pane') as HTMLElement;

describe('paths', () => {
  it('lead to an element and back', () => {
    expect(pathOf(pane(), main())).toBe('1.1');
    expect(elementAt('1.1', main())).toBe(pane());
    expect(elementAt('1.7', main())).toBeNull();
    expect(elementAt('4.1', main())).toBeNull();
    expect(pathOf(document.querySelector('aside') as Element, main())).toBeNull();
  });
});

describe('ScrollMemory', () => {
  function scrollPane(top: number): void {
    pane().scrollTop = top;
    pane().dispatchEvent(new Event('scroll'));
  }

  it('scrolls back to where an address was left, once there is enough to scroll', async () => {
    const memory = new ScrollMemory(main);
    const stop = memory.start('/a');
    scrollPane(120);
    memory.be('/b');
    scrollPane(5);
    let height = 50;
    vi.spyOn(pane(), 'scrollHeight', 'get').mockImplementation(() => height);
    const scrollTo = vi.fn();
    pane().scrollTo = scrollTo as never;
    memory.be('/a');
    memory.restore('/a');
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    expect(scrollTo).not.toHaveBeenCalled();
    height = 500;
    await vi.waitFor(() => expect(scrollTo).toHaveBeenCalledExactlyOnceWith({ top: 120, behavior: 'instant' }));
    stop();
  });

  it('lets the user go first', async () => {
    const memory = new ScrollMemory(main);
    const stop = memory.start('/a');
    scrollPane(120);
    const scrollTo = vi.fn();
    pane().scrollTo = scrollTo as never;
    memory.restore('/a');
    window.dispatchEvent(new Event('wheel'));
    vi.spyOn(pane(), 'scrollHeight', 'get').mockReturnValue(500);
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    expect(scrollTo).not.toHaveBeenCalled();
    stop();
  });

  it('remembers over a reload', async () => {
    const before = new ScrollMemory(main);
    const stop = before.start('/a');
    scrollPane(40);
    window.dispatchEvent(new Event('pagehide'));
    stop();
    vi.spyOn(pane(), 'scrollHeight', 'get').mockReturnValue(500);
    const scrollTo = vi.fn();
    pane().scrollTo = scrollTo as never;
    const stopAfter = new ScrollMemory(main).start('/a');
    await vi.waitFor(() => expect(scrollTo).toHaveBeenCalledWith({ top: 40, behavior: 'instant' }));
    stopAfter();
  });
});
