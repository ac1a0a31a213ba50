// The stack of frames that the network sees, the oldest first, in as many columns as makes the frames largest.
class FrameStack {
  constructor(box) {
    this.box = box;
    this.canvases = [];
    new ResizeObserver(() => this.arrange()).observe(box);
  }

  get count() { return this.canvases.length; }

  begin(count) {
    this.canvases = Array.from({ length: count }, () => document.createElement("canvas"));
    this.box.replaceChildren(...this.canvases);
    this.arrange();
  }

  // Draw the rows [top, top + height) of an image as the frame at this place.
  draw(place, image, top, height) {
    const canvas = this.canvases[place];
    const isOfNewSize = canvas.width !== image.width || canvas.height !== height;
    if (isOfNewSize) [canvas.width, canvas.height] = [image.width, height];
    canvas.getContext("2d").drawImage(image, 0, -top);
    if (isOfNewSize) this.arrange();
  }

  clear(place) {
    const canvas = this.canvases[place];
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }

  arrange() {
    const { clientWidth: width, clientHeight: height } = this.box, [frame] = this.canvases;
    if (!frame) return;
    const shape = frame.height / frame.width;
    const side = (columns) => {
      const rows = Math.ceil(this.count / columns);
      return Math.min((width - 6 * (columns - 1)) / columns, (height - 6 * (rows - 1)) / rows / shape);
    };
    const counts = this.canvases.map((_, place) => this.count - place).filter((columns) => this.count % columns === 0);
    const best = counts.reduce((one, other) => (side(other) > side(one) ? other : one));
    this.box.style.gridTemplateColumns = `repeat(${best}, ${Math.max(40, Math.floor(side(best)))}px)`;
  }
}
