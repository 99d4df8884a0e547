import { describe, expect, it } from 'vitest';
import { parsePicture, pictureName, pictureThumb, pictureUrl, resultValue, type PictureRef } from './images';

describe('parsePicture', () => {
  it.each<[string, PictureRef | null]>([
    ['a.png', { source: 'input', subfolder: '', filename: 'a.png' }],
    ['deep/er/a.png', { source: 'input', subfolder: 'deep/er', filename: 'a.png' }],
    ['deep\\a.png', { source: 'input', subfolder: 'deep', filename: 'a.png' }],
    ['output::CozyGen::a.png', { source: 'output', subfolder: 'CozyGen', filename: 'a.png' }],
    ['output::::a.png', { source: 'output', subfolder: '', filename: 'a.png' }],
    ['output::a.png', null],
    ['folder/', null],
    ['', null],
  ])('%s', (value, expected) => expect(parsePicture(value)).toEqual(expected));

  it('reads back what it writes', () => {
    expect(parsePicture(resultValue('a/b', 'c.png'))).toEqual({
      source: 'output',
      subfolder: 'a/b',
      filename: 'c.png',
    });
  });
});

describe('a picture', () => {
  const input: PictureRef = {
    source: 'input',
    subfolder: 'x',
    filename: 'c0ffee00-0000-4000-8000-000000000000_cat.png',
  };

  it('is named as the user named it', () => {
    expect(pictureName(input)).toBe('cat.png');
    expect(pictureName({ ...input, filename: 'dog.png' })).toBe('dog.png');
  });
  it('has addresses in its own folder', () => {
    expect(pictureUrl(input)).toBe(`/cozygen/input/file?path=${encodeURIComponent(`x/${input.filename}`)}`);
    expect(pictureUrl({ ...input, source: 'output' })).toContain('/view?');
    expect(pictureThumb(input, 256)).toContain('type=input');
  });
});
