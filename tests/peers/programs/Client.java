// java.net.http as a client, `java Client.java BASE`: a request a line in, an answer a line out (see clients.py).
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;

class Client {
  public static void main(String[] arguments) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in));
    var staying = client(HttpClient.Redirect.NEVER);
    var following = client(HttpClient.Redirect.NORMAL);
    for (String line; (line = lines.readLine()) != null;) {
      String[] parts = line.split("\t", -1);
      try {
        System.out.println(one(parts[4].equals("follow") ? following : staying, arguments[0], parts));
      } catch (Exception error) {
        System.out.println("failed\t" + String.valueOf(error).replace('\n', ' '));
      }
    }
    System.exit(0);
  }

  static HttpClient client(HttpClient.Redirect redirect) {
    return HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).followRedirects(redirect)
        .connectTimeout(Duration.ofSeconds(10)).build();
  }

  static String one(HttpClient client, String base, String[] parts) throws Exception {
    var builder = HttpRequest.newBuilder(URI.create(base + parts[1])).timeout(Duration.ofSeconds(60));
    builder.method(parts[0], parts[2].equals("-") ? BodyPublishers.noBody() : body(parts));
    for (String field : parts[5].split("\\|")) {
      String[] pair = field.split(": ", 2);
      if (pair[0].equals("Expect")) builder.expectContinue(true);
      else if (pair.length == 2) builder.setHeader(pair[0], pair[1]);
    }
    HttpResponse<InputStream> response = client.send(builder.build(), BodyHandlers.ofInputStream());
    var digest = MessageDigest.getInstance("SHA-256");
    var kept = new ByteArrayOutputStream();
    long size = 0;
    try (InputStream stream = response.body()) {
      byte[] block = new byte[65536];
      for (int count; (count = stream.read(block)) > 0;) {
        digest.update(block, 0, count);
        if ((size += count) <= 65536) kept.write(block, 0, count);
      }
    }
    var head = new StringBuilder();
    response.headers().map().forEach((name, values) -> values.forEach(value -> head.append(name + ": " + value + "\n")));
    var encoder = Base64.getEncoder();
    return response.statusCode() + "\t" + size + "\t" + HexFormat.of().formatHex(digest.digest()) + "\t"
        + (size <= 65536 ? encoder.encodeToString(kept.toByteArray()) : "") + "\t"
        + encoder.encodeToString(head.toString().getBytes());
  }

  static BodyPublisher body(String[] parts) {
    byte[] bytes = new byte[Integer.parseInt(parts[2])];
    for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) (i % 251);
    return parts[3].equals("chunked") ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(bytes))
        : BodyPublishers.ofByteArray(bytes);
  }
}
