// A chat of socket.io: who says something is heard by everybody.
import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server);
io.on("connection", (socket) => {
  socket.on("say", (text, told) => {
    io.emit("said", { text, by: socket.handshake.auth.name });
    told(text.length);
  });
  socket.on("bytes", (bytes, told) => told(bytes));
});
server.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
