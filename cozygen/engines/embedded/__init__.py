"""The embedded engine: ComfyUI's model-free nodes and a procedural painter on the CPU, in a process of its own."""
