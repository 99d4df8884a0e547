import { ApiError } from '$lib/api/client';
import { emptyDraft, type Draft } from '$lib/state/drafts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { draftKind, namesKind } from './merge';
import { Synced, type Remote, type Transport } from './synced';

/** A server with one value, which can be away. */
class Server implements Transport {
  stored: Remote | null = null;
  away = false;
  puts: { keepalive: boolean }[] = [];

  get = async (): Promise<Remote | null> => {
    this.check();
    return structuredClone(this.stored);
  };

  put = async (_: string, value: unknown, ifVersion: number | null, keepalive: boolean): Promise<Remote> => {
    this.puts.push({ keepalive });
    this.check();
    if (ifVersion !== null && ifVersion !== (this.stored?.version ?? 0)) throw new ApiError(409, 'changed', 'changed');
    return structuredClone(this.write(value));
  };

  write(value: unknown, at = Date.now()): Remote {
    this.stored = { value: structuredClone(value), version: (this.stored?.version ?? 0) + 1, updated_at: at / 1000 };
    return this.stored;
  }

  check(): void {
    if (this.away) throw new ApiError(0, 'offline', 'away');
  }
}

const draft = (values: Record<string, string>): Draft => ({ ...emptyDraft(), values });
const changed = vi.fn();
let server: Server;

const open = () => new Synced('form:a', 'kept', draftKind, server, changed);
const settle = () => vi.advanceTimersByTimeAsync(1_000);

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  changed.mockReset();
  server = new Server();
});
afterEach(() => vi.useRealTimers());

describe('Synced', () => {
  it('brings a change to the server a moment later, and once for several', async () => {
    const value = open();
    await settle();
    value.set(draft({ Prompt: 'a' }));
    value.set(draft({ Prompt: 'ab' }));
    expect(server.puts).toEqual([]);
    await settle();
    expect(server.puts).toHaveLength(1);
    expect(server.stored?.value).toEqual(draft({ Prompt: 'ab' }));
    expect(value.dirty).toBe(false);
    expect(changed).not.toHaveBeenCalled();
  });

  it('has what this browser kept before the server has answered', async () => {
    const before = open();
    await settle();
    before.set(draft({ Prompt: 'a' }));
    await settle();
    expect(open().value).toEqual(draft({ Prompt: 'a' }));
  });

  it('takes what another device wrote', async () => {
    const value = open();
    await settle();
    server.write(draft({ Prompt: 'from the phone' }));
    value.told(1);
    await settle();
    expect(value.value).toEqual(draft({ Prompt: 'from the phone' }));
    expect(changed).toHaveBeenCalledExactlyOnceWith(draft({ Prompt: 'from the phone' }), null);
    value.told(1);
    await settle();
    expect(changed).toHaveBeenCalledTimes(1);
  });

  it('hears of what another device writes while it is writing itself', async () => {
    const value = open();
    await settle();
    value.set(draft({ Prompt: 'a' }));
    const { put } = server;
    server.put = async (...given) => {
      const answer = await put(...given);
      server.write(draft({ Prompt: 'a', Steps: '8' }));
      value.told(2);
      return answer;
    };
    await settle();
    expect(value.value).toEqual(draft({ Prompt: 'a', Steps: '8' }));
  });

  it('puts changes of different fields together', async () => {
    server.write(draft({ Prompt: 'a', Steps: '4' }));
    const value = open();
    await settle();
    value.set(draft({ Prompt: 'b', Steps: '4' }));
    server.write(draft({ Prompt: 'a', Steps: '8' }));
    await settle();
    const both = draft({ Prompt: 'b', Steps: '8' });
    expect(value.value).toEqual(both);
    expect(server.stored?.value).toEqual(both);
    expect(changed).toHaveBeenLastCalledWith(both, null);
  });

  it.each([
    ['here', 'mine', 60_000],
    ['there', 'theirs', -60_000],
  ])('lets the later change win, which was %s, and hands the other one over', async (_, winner, lead) => {
    server.write(draft({ Prompt: 'a' }));
    const value = open();
    await settle();
    value.set(draft({ Prompt: 'mine' }));
    server.write(draft({ Prompt: 'theirs' }), Date.now() - lead);
    await settle();
    const loser = winner === 'mine' ? 'theirs' : 'mine';
    expect(value.value).toEqual(draft({ Prompt: winner }));
    expect(server.stored?.value).toEqual(draft({ Prompt: winner }));
    expect(changed).toHaveBeenLastCalledWith(draft({ Prompt: winner }), draft({ Prompt: loser }));
  });

  it('loses nothing without a connection, and over a reload', async () => {
    server.away = true;
    const value = open();
    value.set(draft({ Prompt: 'typed offline' }));
    await settle();
    expect(value.dirty).toBe(true);
    const reloaded = open();
    expect(reloaded.value).toEqual(draft({ Prompt: 'typed offline' }));
    await settle();
    server.away = false;
    await reloaded.again();
    expect(server.stored?.value).toEqual(draft({ Prompt: 'typed offline' }));
    expect(reloaded.dirty).toBe(false);
  });

  it('brings the rest when the page is left', async () => {
    const value = open();
    await settle();
    value.set(draft({ Prompt: 'a' }));
    value.flush();
    expect(server.puts).toEqual([{ keepalive: true }]);
    await settle();
    expect(server.puts).toHaveLength(1);
  });

  it('finds its own change again when the answer was lost', async () => {
    const value = open();
    await settle();
    value.set(draft({ Prompt: 'a' }));
    server.write(draft({ Prompt: 'a' }));
    await settle();
    expect(value.dirty).toBe(false);
    expect(server.stored?.version).toBe(1);
    expect(changed).not.toHaveBeenCalled();
  });

  it('says nothing of a server that was not asked yet', async () => {
    server.write(draft({ Prompt: 'old', Steps: '8' }), Date.now() - 60_000);
    const value = open();
    value.set(draft({ Prompt: 'new' }));
    await settle();
    expect(value.value).toEqual(draft({ Prompt: 'new', Steps: '8' }));
    expect(changed).toHaveBeenCalledExactlyOnceWith(draft({ Prompt: 'new', Steps: '8' }), null);
  });

  it('does not ask again and again for what the server refuses', async () => {
    const value = open();
    await settle();
    server.put = () => {
      server.puts.push({ keepalive: false });
      return Promise.reject(new ApiError(413, 'too large', 'too large'));
    };
    value.set(draft({ Prompt: 'long' }));
    await settle();
    await value.again();
    value.flush();
    expect(server.puts).toHaveLength(1);
    expect(value.value).toEqual(draft({ Prompt: 'long' }));
  });
});

describe('namesKind', () => {
  it.each([
    [
      ['a', 'b'],
      ['a', 'b', 'c'],
      ['b', 'd'],
      ['b', 'd', 'c'],
    ],
    [['a', 'b'], ['b'], ['a', 'b', 'd'], ['b', 'd']],
    [[], ['a'], ['a'], ['a']],
  ])('of %j, %j and %j make %j', (base, mine, theirs, expected) => {
    expect(namesKind.merge(base, mine, theirs, true).value).toEqual(expected);
  });
  it('reads whatever was stored', () => {
    expect(namesKind.parse(['a', 1, 'a', 'b'])).toEqual(['a', 'b']);
    expect(namesKind.parse({})).toEqual([]);
  });
});
