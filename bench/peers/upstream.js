// nginx calls this when it has read the body whole.
function upload(r) {
    r.return(200, r.headersIn['Content-Length']);
}

// A response whose length nobody says before: four pieces of a KiB.
const piece = '0123456789abcdef'.repeat(64);

function chunked(r) {
    r.status = 200;
    r.sendHeader();
    for (let n = 0; n < 4; n++) {
        r.send(piece);
    }
    r.finish();
}

export default {upload, chunked};
