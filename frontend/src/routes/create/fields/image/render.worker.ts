import { render, type RenderOrder } from './render';

/** Answers an order with the file, or with what went wrong. */
self.onmessage = async ({ data }: MessageEvent<RenderOrder>) => {
  try {
    self.postMessage(await render(data, ({ width, height }) => new OffscreenCanvas(width, height)));
  } catch (error) {
    self.postMessage(error instanceof Error ? error.message : String(error));
  }
};
