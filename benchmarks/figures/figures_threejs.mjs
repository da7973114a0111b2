// Skinned figures in three.js in headless Chromium: SkeletonUtils.clone and an AnimationMixer for each.
// node figures_threejs.mjs MODEL --count N --frames F --picture P --modules DIR
import { createRequire } from 'node:module';
import http from 'node:http';
import fs from 'node:fs';
import path from 'node:path';
import { execSync } from 'node:child_process';
const arg = (k, d) => { const i = process.argv.indexOf('--' + k); return i < 0 ? d : process.argv[i + 1]; };
const model = process.argv[2], N = +arg('count', 100), F = +arg('frames', 30), MOD = path.resolve(arg('modules'));
const puppeteer = createRequire(path.join(MOD, 'x.js'))('puppeteer-core');
const html = '<!doctype html><script type="importmap">{"imports":{"three":"/m/three/build/three.module.js","three/addons/":"/m/three/examples/jsm/"}}</script><body style="margin:0"></body>';
const server = http.createServer((q, r) => {
  const u = q.url.split('?')[0];
  if (u === '/') { r.setHeader('Content-Type', 'text/html'); return r.end(html); }
  try {
    const f = u === '/model.glb' ? model : path.join(MOD, 'node_modules', u.replace(/^\/m\//, ''));
    r.setHeader('Content-Type', u.endsWith('.js') ? 'text/javascript' : 'application/octet-stream'); r.end(fs.readFileSync(f));
  } catch { r.statusCode = 404; r.end(); }
}).listen(0, '127.0.0.1');
const browser = await puppeteer.launch({ executablePath: arg('chromium') || execSync('command -v chromium').toString().trim(), headless: true, protocolTimeout: 600000,
  args: ['--no-sandbox', '--use-gl=angle', '--use-angle=' + arg('angle', 'gl-egl'), '--ignore-gpu-blocklist', '--disable-gpu-watchdog'] });
const page = await browser.newPage();
page.on('pageerror', e => console.error('pageerror', e.message));
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const found = await page.evaluate(async ({ N, F }) => {
  const THREE = await import('three');
  const { GLTFLoader } = await import('three/addons/loaders/GLTFLoader.js');
  const { clone } = await import('three/addons/utils/SkeletonUtils.js');
  const SIZE = 256, SPACING = 130, side = Math.ceil(Math.sqrt(N));
  const renderer = new THREE.WebGLRenderer({ antialias: false, preserveDrawingBuffer: true });
  renderer.setPixelRatio(1); renderer.setSize(SIZE, SIZE); document.body.appendChild(renderer.domElement);
  const gl = renderer.getContext(), scene = new THREE.Scene();
  scene.add(new THREE.AmbientLight(0xffffff, 0.8));
  const sun = new THREE.DirectionalLight(0xffffff, 2.4); sun.position.set(48, 80, 36); scene.add(sun);
  const camera = new THREE.PerspectiveCamera(45, 1, 1, 1e5);
  camera.position.set(0, side * 95 + 60, side * 135 + 120); camera.lookAt(0, 0, 0);
  const t0 = performance.now();
  const file = await new GLTFLoader().loadAsync('/model.glb');
  const clip = file.animations.find(c => c.name === 'Walk'), mixers = [];
  for (let i = 0; i < N; i++) {
    const figure = clone(file.scene);
    figure.position.set((i % side - (side - 1) / 2) * SPACING, 0, (Math.floor(i / side) - (side - 1) / 2) * SPACING);
    scene.add(figure);
    const mixer = new THREE.AnimationMixer(figure); mixer.clipAction(clip).play(); mixers.push(mixer);
  }
  const build = (performance.now() - t0) / 1e3, pixel = new Uint8Array(4);
  const frame = f => {
    for (let i = 0; i < N; i++) mixers[i].setTime(f / 30 + i * 0.037);
    renderer.render(scene, camera); gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
  };
  for (let f = 0; f < 5; f++) frame(f);
  const times = [];
  for (let f = 0; f < F; f++) { const t = performance.now(); frame(f); times.push(performance.now() - t); }
  times.sort((a, b) => a - b);
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  return { engine: 'three.js in Chromium', version: THREE.REVISION, driver: gl.getParameter(info.UNMASKED_RENDERER_WEBGL), count: N, build_s: build, frame_ms: times[F >> 1], best_ms: times[0],
    picture: renderer.domElement.toDataURL('image/png') };
}, { N, F });
if (arg('picture')) fs.writeFileSync(arg('picture'), Buffer.from(found.picture.split(',')[1], 'base64'));
delete found.picture;
console.log(JSON.stringify(found));
await browser.close(); server.close();
