// Renders a picture with @saintno/comfyui-sdk, a client library for ComfyUI, and prints what it saw as JSON.
// Usage: node render.mjs URL
import { CallWrapper, ComfyApi, PromptBuilder } from "@saintno/comfyui-sdk";

const graph = {
  1: { class_type: "EmptyImage", inputs: { width: 64, height: 64, batch_size: 1, color: 255 } },
  2: { class_type: "ImageBlur", inputs: { image: ["1", 0], blur_radius: 3, sigma: 1.0 } },
  3: { class_type: "SaveImage", inputs: { images: ["2", 0], filename_prefix: "client/sdk" } },
};

// A busy machine may take its time; the library gives up after ten seconds by default.
const api = new ComfyApi(process.argv[2], undefined, { wsTimeout: 60_000 });
await api.init().waitForReady();

const workflow = new PromptBuilder(graph, ["width", "color"], ["images"])
  .setInputNode("width", "1.inputs.width")
  .setInputNode("color", "1.inputs.color")
  .setOutputNode("images", "3")
  .input("width", 96)
  .input("color", 0x00ff00);

const seen = { pending: 0, started: 0, failed: null, outputs: null };
const result = await new CallWrapper(api, workflow)
  .onPending(() => seen.pending++)
  .onStart(() => seen.started++)
  .onFailed((error) => (seen.failed = String(error)))
  .onFinished((outputs) => (seen.outputs = outputs))
  .run();

const image = seen.outputs?.images?.images?.[0] ?? null;
const picture = image ? Buffer.from(await (await api.getImage(image)).arrayBuffer()) : null;
const queue = await api.getQueue();
const stats = await api.getSystemStats();
const nodes = await api.getNodeDefs("SaveImage");
console.log(
  JSON.stringify({
    ...seen,
    returned: result !== false,
    image,
    picture: picture?.toString("base64"),
    queue,
    devices: stats.devices.length,
    nodes: Object.keys(nodes),
  }),
);
process.exit(0);
