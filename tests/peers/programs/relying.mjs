// openid-client, a relying party that nobody here wrote. Reads a command a line, {"do": NAME, ...}, and writes what came
// of it, a line of JSON: the result, or {"error": CODE, "description": TEXT} as the library tells it.
import { createInterface } from 'node:readline';
import * as openid from 'openid-client';

const clients = new Map(), asked = new Map(), devices = new Map();

async function proof({secret, jwk}) {
  if (secret) return openid.ClientSecretBasic(secret);
  if (!jwk) return openid.None();
  const key = await crypto.subtle.importKey('jwk', jwk, {name: 'ECDSA', namedCurve: 'P-256'}, false, ['sign']);
  return openid.PrivateKeyJwt({key, kid: jwk.kid});
}

const tokens = ({access_token, refresh_token, id_token, scope, expires_in}, claims) =>
  ({access_token, refresh_token, id_token, scope, expires_in, claims});

const commands = {
  async discover({issuer, id, ...known}) {
    const options = {execute: [openid.allowInsecureRequests]};
    const client = await openid.discovery(new URL(issuer), id, undefined, await proof(known), options);
    clients.set(id, client);
    return client.serverMetadata();
  },
  async authorize({id, ahead, ...parameters}) {
    const state = openid.randomState(), nonce = openid.randomNonce(), verifier = openid.randomPKCECodeVerifier();
    const all = {...parameters, state, nonce, code_challenge_method: 'S256',
      code_challenge: await openid.calculatePKCECodeChallenge(verifier)};
    asked.set(id, {expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true});
    const build = ahead ? openid.buildAuthorizationUrlWithPAR : openid.buildAuthorizationUrl;
    return {url: await build(clients.get(id), all)};
  },
  async callback({id, url}) {
    const got = await openid.authorizationCodeGrant(clients.get(id), new URL(url), asked.get(id));
    return tokens(got, got.claims());
  },
  async refresh({id, token}) { return tokens(await openid.refreshTokenGrant(clients.get(id), token)); },
  async credentials({id, ...form}) { return tokens(await openid.clientCredentialsGrant(clients.get(id), form)); },
  async exchange({id, ...form}) {
    const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
    return tokens(await openid.genericGrantRequest(clients.get(id), grant, form));
  },
  async device({id, ...form}) {
    const answer = await openid.initiateDeviceAuthorization(clients.get(id), form);
    devices.set(id, answer);
    return answer;
  },
  async poll({id}) { return tokens(await openid.pollDeviceAuthorizationGrant(clients.get(id), devices.get(id))); },
  async userinfo({id, token, sub}) { return openid.fetchUserInfo(clients.get(id), token, sub); },
  async introspect({id, token}) { return openid.tokenIntrospection(clients.get(id), token); },
  async revoke({id, token}) { await openid.tokenRevocation(clients.get(id), token); return {}; },
  async leave({id, ...parameters}) { return {url: openid.buildEndSessionUrl(clients.get(id), parameters)}; },
  async call({id, token, url}) {
    try {
      const answer = await openid.fetchProtectedResource(clients.get(id), token, new URL(url), 'GET');
      return {status: answer.status, seen: await answer.json()};
    } catch (error) { // it throws what a challenge says
      if (!(error instanceof openid.WWWAuthenticateChallengeError)) throw error;
      return {status: error.status, challenge: error.cause[0].parameters.error};
    }
  },
};

for await (const line of createInterface({input: process.stdin})) {
  const {do: name, ...rest} = JSON.parse(line);
  try {
    console.log(JSON.stringify(await commands[name](rest)));
  } catch (error) {
    console.log(JSON.stringify({error: error.error ?? error.code ?? error.name,
      description: error.error_description ?? `${error.message}: ${error.cause?.message ?? ''}`}));
  }
}
