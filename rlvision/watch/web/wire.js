// Split a message of the server into its header and its blobs; see protocol.py.
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let start = 4 + length;
  const blobs = header.sizes.map((size) => new Uint8Array(buffer, (start += size) - size, size));
  return { header, blobs };
}

// The connection to the server; where it breaks, a new one is tried every second.
class Line {
  constructor(onMessage, onState) {
    this.onMessage = onMessage;
    this.onState = onState;
    this.open();
  }

  open() {
    this.socket = new WebSocket(`ws://${location.host}/live${location.search}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.onState("open", "");
    this.socket.onmessage = (event) => this.onMessage(unpack(event.data));
    this.socket.onclose = (event) => {
      this.onState("lost", event.reason);
      setTimeout(() => this.open(), 1000);
    };
  }

  send(order) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(order));
  }
}
