import { describe, expect, it } from 'vitest';
import { galleryPiece, jobPieces, mediaKind, mergePieces } from './media';
import { job } from './testing';

const file = (filename: string, mtime: number, subfolder = 'CozyGen') => ({
  filename,
  subfolder,
  type: 'output',
  mtime,
});
const pieceOf = (filename: string, mtime: number) => {
  const found = galleryPiece(file(filename, mtime));
  if (!found) throw new Error('no piece');
  return found;
};

describe('mediaKind', () => {
  it.each([
    ['a.PNG', 'image'],
    ['clip.webm', 'video'],
    ['a.b.mp3', 'audio'],
    ['drawing.svg', null],
    ['none', null],
  ])('%s is %s', (name, kind) => expect(mediaKind(name)).toBe(kind));
});

describe('pieces', () => {
  it('link to the file and to a thumbnail that changes with it', () => {
    const piece = pieceOf('a b.png', 12.5);
    expect(piece.url).toBe('/view?filename=a+b.png&subfolder=CozyGen&type=output');
    expect(piece.thumb).toContain('v=12.5');
    expect(piece.key).toBe('CozyGen/a b.png');
  });
  it('leave out folders and what the studio does not show', () => {
    expect(galleryPiece({ ...file('x', 1), type: 'directory' })).toBeNull();
    expect(galleryPiece(file('notes.txt', 1))).toBeNull();
  });
  it('come from a job', () => {
    const output = {
      node_id: '9',
      filename: 'a.webm',
      subfolder: '',
      type: 'output',
      media_kind: null,
      url: '',
      thumb: null,
    };
    const [piece] = jobPieces(job('0123456789', { status: 'done', finished_at: 50, outputs: [output] }));
    expect(piece).toMatchObject({ key: 'a.webm', kind: 'video', time: 50 });
    expect(piece?.thumb).toContain('v=01234567');
  });
});

describe('mergePieces', () => {
  it('has each file once, newest first, seen through its job where it has one', () => {
    const fresh = { ...pieceOf('b.png', 30), thumb: 'kept' };
    const merged = mergePieces([fresh], [pieceOf('b.png', 31), pieceOf('c.png', 40), pieceOf('a.png', 10)]);
    expect(merged.map(({ filename }) => filename)).toEqual(['c.png', 'b.png', 'a.png']);
    expect(merged[1]?.thumb).toBe('kept');
  });
  it('prefers the later of two jobs that wrote the same file', () => {
    const merged = mergePieces([pieceOf('a.png', 1), pieceOf('a.png', 2)], []);
    expect(merged.map(({ time }) => time)).toEqual([2]);
  });
});
