import { createInfiniteQuery, createQuery, QueryClient } from '@tanstack/svelte-query';
import { ApiError, get } from './client';

const PER_PAGE = 40;

/** Server state that is fetched, as opposed to the jobs, which are told. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      // What the server refuses it will refuse again; a lost connection is worth another try.
      retry: (failures, error) => failures < 3 && error instanceof ApiError && (error.offline || error.status >= 502),
    },
  },
});

export const keys = {
  workflows: ['workflows'] as const,
  form: (name: string) => ['form', name] as const,
  gallery: ['gallery'] as const,
  inputs: (subfolder: string) => ['inputs', subfolder] as const,
};

export const workflowsQuery = () =>
  createQuery(() => ({
    queryKey: keys.workflows,
    queryFn: async ({ signal }) => (await get('/cozygen/api/workflows', { signal })).items,
  }));

export const formQuery = (name: () => string | null) =>
  createQuery(() => {
    const workflow = name();
    return {
      queryKey: keys.form(workflow ?? ''),
      enabled: workflow !== null,
      queryFn: ({ signal }) => get('/cozygen/api/workflows/{name}/form', { path: { name: workflow ?? '' }, signal }),
    };
  });

export const galleryQuery = (kind: 'all' | 'image' = 'all') =>
  createInfiniteQuery(() => ({
    queryKey: [...keys.gallery, kind],
    queryFn: ({ signal, pageParam }) =>
      get('/cozygen/api/gallery', { query: { recursive: '1', per_page: PER_PAGE, page: pageParam, kind }, signal }),
    initialPageParam: 1,
    getNextPageParam: (last) => (last.page < last.total_pages ? last.page + 1 : null),
    // New work shifts the pages, so a refetch asks for all that are shown.
    staleTime: 0,
  }));

export const inputsQuery = (subfolder: () => string) =>
  createInfiniteQuery(() => ({
    queryKey: keys.inputs(subfolder()),
    queryFn: ({ signal, pageParam }) =>
      get('/cozygen/input', { query: { subfolder: subfolder(), per_page: PER_PAGE, page: pageParam }, signal }),
    initialPageParam: 1,
    getNextPageParam: (last) => (last.page < last.total_pages ? last.page + 1 : null),
    staleTime: 0,
  }));
