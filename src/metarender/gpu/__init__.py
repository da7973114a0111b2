"""The GPU layer and the only importer of ModernGL: it sees ids, arrays and descriptions, never a scene or a camera."""
