// oidc-provider, an issuer that nobody here wrote: client credentials of `robot`, access tokens as JWTs for the API that
// `resource` names. `PUT /-/keys` with a list of kids says which keys it has from now on; the first of them signs.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const keys = new Map();
let answer;

function key(kid) {
  if (!keys.has(kid)) {
    const { privateKey } = generateKeyPairSync('rsa', {modulusLength: 2048});
    keys.set(kid, {...privateKey.export({format: 'jwk'}), kid, use: 'sig', alg: 'RS256'});
  }
  return keys.get(kid);
}

function issue(kids) {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  answer = new Provider(issuer, {
    clients: [{client_id: 'robot', client_secret: 'secret of the robot', grant_types: ['client_credentials'],
      redirect_uris: [], response_types: []}],
    jwks: {keys: kids.map(key)},
    scopes: ['orders:read'],
    features: {
      clientCredentials: {enabled: true},
      devInteractions: {enabled: false},
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience) => ({scope: 'orders:read', audience, accessTokenFormat: 'jwt',
          accessTokenTTL: 3600, jwt: {sign: {alg: 'RS256'}}}),
      },
    },
  }).callback();
}

const server = createServer(async (request, response) => {
  if (request.url !== '/-/keys') return answer(request, response);
  let body = '';
  for await (const data of request) body += data;
  issue(JSON.parse(body));
  response.writeHead(204).end();
});
server.listen(0, '127.0.0.1', () => {
  issue(['first']);
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
