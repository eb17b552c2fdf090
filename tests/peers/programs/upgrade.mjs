// Node's http as the client of an upgrade: `node upgrade.mjs BASE TOKEN` prints status, protocol, caller and an echo.
import http from 'node:http';

const [base, token] = process.argv.slice(2);
const headers = {Connection: 'Upgrade', Upgrade: 'shout', Authorization: `Bearer ${token}`};
http.get(`${base}/shout`, {headers}).on('upgrade', (response, socket) => {
  socket.write('hello');
  socket.once('data', data => {
    console.log(response.statusCode, response.headers.upgrade, response.headers['x-seen'], data.toString());
    socket.destroy();
  });
});
