import { describe, expect, it } from 'vitest';
import { overview, search, used, type Command } from './rank';

const command = (id: string, group: Command['group'], label: string, more: Partial<Command> = {}): Command => ({
  id,
  group,
  label,
  icon: 'search',
  run: () => undefined,
  ...more,
});

const ALL = [
  command('page:gallery', 'pages', 'Gallery'),
  command('page:queue', 'pages', 'Queue'),
  command('pause', 'actions', 'Pause the queue'),
  command('workflow:a', 'workflows', 'Text to image', { hint: 'a.json' }),
  command('search', 'search', 'Search the gallery for “queue”', { sought: true }),
];

const ids = (sections: ReturnType<typeof search>) =>
  sections.map(({ group, items }) => [group, ...items.map((item) => item.command.id)]);

describe('overview', () => {
  it('shows what was used lately first, and only once', () => {
    const found = ids(overview(ALL, ['pause', 'gone', 'page:queue']));
    expect(found[0]).toEqual(['recent', 'pause', 'page:queue']);
    expect(found[1]).toEqual(['pages', 'page:gallery']);
    expect(found.flat()).not.toContain('actions');
  });
});

describe('search', () => {
  it('puts the better group first and the gallery last', () => {
    expect(ids(search(ALL, 'queue', []))).toEqual([
      ['pages', 'page:queue'],
      ['actions', 'pause'],
      ['search', 'search'],
    ]);
    expect(ids(search(ALL, 'pau', []))[0]).toEqual(['actions', 'pause']);
  });

  it('counts what was used lately more', () => {
    const twins = [command('one', 'actions', 'Theme: light'), command('two', 'actions', 'Theme: night')];
    expect(ids(search(twins, 'theme', ['two']))).toEqual([['actions', 'two', 'one']]);
    expect(ids(search(twins, 'theme', []))).toEqual([['actions', 'one', 'two']]);
  });

  it('finds by the hint and by words that are not shown, below the label', () => {
    expect(ids(search(ALL, 'json', []))[0]).toEqual(['workflows', 'workflow:a']);
    const worded = [command('x', 'actions', 'Clear', { words: 'cache storage' }), command('y', 'actions', 'Storage')];
    expect(ids(search(worded, 'storage', []))).toEqual([['actions', 'y', 'x']]);
  });

  it('trusts what the server has found', () => {
    const prompt = command('prompt:1', 'prompts', 'a lighthouse', { sought: true });
    expect(ids(search([prompt], 'zzz', []))).toEqual([['prompts', 'prompt:1']]);
  });
});

describe('used', () => {
  it('has each once, latest first, and not too many', () => {
    expect(used(['a', 'b', 'c'], 'c')).toEqual(['c', 'a', 'b']);
    expect(
      used(
        Array.from({ length: 40 }, (_, place) => String(place)),
        'new',
      ),
    ).toHaveLength(30);
  });
});
