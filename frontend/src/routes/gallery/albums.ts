import type { components } from '$lib/api/schema';
import { get } from '$lib/api/client';
import { createQuery } from '@tanstack/svelte-query';

export type Album = components['schemas']['AlbumInfo'];

export const ALBUMS = ['gallery', 'albums'] as const;

export const albumsQuery = (enabled: () => boolean = () => true) =>
  createQuery(() => ({
    queryKey: ALBUMS,
    enabled: enabled(),
    queryFn: async ({ signal }) => (await get('/cozygen/api/albums', { signal })).albums,
  }));
