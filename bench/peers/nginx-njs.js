// A bearer token of one algorithm, with issuer, audience and expiry, verified anew each time.
const algorithms = {
    RS256: {name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256'},
    ES256: {name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256'},
};
const wanted = algorithms['{{ALGORITHM}}'];
const der = Buffer.from('{{DER}}', 'base64');
let key = null;

async function token(r) {
    try {
        const parts = r.headersIn.Authorization.slice(7).split('.');
        const head = JSON.parse(Buffer.from(parts[0], 'base64url'));
        const claims = JSON.parse(Buffer.from(parts[1], 'base64url'));
        if (!key) {
            key = await crypto.subtle.importKey('spki', der, wanted, false, ['verify']);
        }
        const signed = await crypto.subtle.verify(wanted, key, Buffer.from(parts[2], 'base64url'),
                                                  Buffer.from(parts[0] + '.' + parts[1]));
        const good = signed && parts.length === 3 && head.alg === '{{ALGORITHM}}' && claims.iss === '{{ISSUER}}'
            && claims.aud === '{{AUDIENCE}}' && claims.exp > Date.now() / 1000;
        r.return(good ? 204 : 401);
    } catch (e) {
        r.return(401);
    }
}

export default {token};
