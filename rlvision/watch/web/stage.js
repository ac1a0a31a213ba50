// Plays the pictures of each step on the screen at their own pace, and fades a saliency map that is late.
class Stage {
  constructor(screen, onStep) {
    this.screen = screen;
    this.onStep = onStep;
    this.queue = [];
    this.now = null; // the step on the screen: { header, bitmaps, stack, shown, since }
    this.heatIndex = null; // the decision that the saliency map belongs to
    this.arriving = Promise.resolve();
    const tick = (time) => { this.tick(time); requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  }

  // Queue a step. Moments are decoded one after the other, so that they stay in order.
  take(header, blobs) {
    const bitmaps = Promise.all(blobs.map((blob) => createImageBitmap(new Blob([blob], { type: "image/png" }))));
    this.arriving = this.arriving.then(() => bitmaps).then((decoded) => {
      const stack = decoded.pop();
      if (!header.live) this.queue = [];
      this.queue.push({ header, bitmaps: decoded, stack, shown: -1 });
      if (document.hidden) this.tick(performance.now()); // a hidden page has no animation frames
    });
  }

  tick(time) {
    while (this.queue.length > 3) this.queue.shift(); // too late to be shown
    if (this.queue.length && (!this.now || this.isOver(time) || !this.queue[0].header.live)) this.begin(time);
    if (this.now) this.draw(time);
  }

  begin(time) {
    this.now = this.queue.shift();
    this.now.since = time;
    if (!this.now.header.live) this.now.shown = this.now.bitmaps.length - 2; // of the past, only the last picture
    this.fade();
    this.onStep(this.now.header, this.now.stack);
  }

  isOver(time) {
    return time - this.now.since >= 1000 * this.now.header.seconds - 8; // half a frame of a screen
  }

  draw(time) {
    const { header, bitmaps, since, shown } = this.now;
    const due = Math.floor(((time - since) / 1000 / header.seconds) * bitmaps.length);
    const place = Math.min(Math.max(due, shown, header.live ? 0 : bitmaps.length - 1), bitmaps.length - 1);
    if (place === shown) return;
    this.now.shown = place;
    this.screen.draw(bitmaps[place]);
  }

  // Fade the saliency map as the game goes on without a newer one.
  fade() {
    const late = this.heatIndex === null || !this.now ? 0 : Math.abs(this.now.header.index - this.heatIndex);
    this.screen.heat.style.opacity = Math.max(0, 1 - Math.max(0, late - 2) / 8);
  }

  clearHeat() {
    this.heatIndex = null;
    this.screen.clearHeat();
  }

  layHeat(saliency, shape, index) {
    this.heatIndex = index;
    this.fade();
    this.screen.layHeat(saliency, shape);
  }
}
