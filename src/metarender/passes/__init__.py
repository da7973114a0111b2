"""One file per render pass; each says what it reads and writes and turns draw lists into indirect draws."""
