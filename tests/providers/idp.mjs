// A real identity provider (oidc-provider) that answers as Cloudflare's: the names, routes, client
// and API calls that wrangler uses, on HTTPS with a certificate of the test's own authority.
//
// Argument: {"cert": path, "key": path, "refuse": [what to break]} as JSON.
// Prints one line, {"port": N}, when it listens on 127.0.0.1.
// `refuse`: "token" answers every token request with an error, "api" every API request with 403.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import Provider from "oidc-provider";

const settings = JSON.parse(process.argv[2]);
const refuse = new Set(settings.refuse ?? []);
const WRANGLER = "54d11594-84e4-41aa-b438-e81b8fa78ee7";
const ISSUER = "https://dash.cloudflare.com";

// What wrangler 4.155 asks for.
const SCOPES = `k2.read k2.write account:read user:read workers:write workers_kv:write
  workers_routes:write workers_scripts:write workers_tail:read d1:write pages:write zone:read
  ssl_certs:write ai:write ai-search:write ai-search:run agent-memory:write queues:write
  pipelines:write secrets_store:write artifacts:write flagship:write containers:write
  cloudchamber:write connectivity:admin email_routing:write email_sending:write browser:write
  challenge-widgets.write openid offline_access`.split(/\s+/);

const provider = new Provider(ISSUER, {
  clients: [
    {
      client_id: WRANGLER,
      client_name: "Wrangler",
      redirect_uris: ["http://localhost:8976/oauth/callback"],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      application_type: "native",
    },
  ],
  scopes: SCOPES,
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true, allowedPolicy: () => true },
    introspection: { enabled: false },
  },
  findAccount: async (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, email: id }) }),
  cookies: { keys: ["test only"] },
  routes: {
    authorization: "/oauth2/auth",
    token: "/oauth2/token",
    revocation: "/oauth2/revoke",
  },
});
const log = (line) => process.stderr.write(`${line}\n`);
provider.on("server_error", (_ctx, error) => log(`server_error ${error.stack}`));
provider.on("authorization.error", (_ctx, error) => log(`authorization.error ${error.error_description ?? error}`));
provider.on("grant.error", (_ctx, error) => log(`grant.error ${error.error_description ?? error} ${error.error_detail ?? ""}`));
provider.on("revocation.error", (_ctx, error) => log(`revocation.error ${error.error_description ?? error}`));
provider.on("grant.revoked", () => log("grant.revoked"));
// What must be found nowhere else: see Provider.issued.
const issued = (...secrets) => secrets.filter(Boolean).forEach((secret) => log(`issued ${secret}`));
provider.on("authorization.success", (_ctx, out) => issued(out?.code));
provider.on("grant.success", ({ body }) => issued(body.access_token, body.refresh_token, body.id_token));
const authorize = provider.callback();

const ok = (result) => ({ success: true, errors: [], messages: [], result });
const ACCOUNT = { id: "f0e1d2c3b4a5968778695a4b3c2d1e0f", name: "Test account", type: "standard" };

async function api(request) {
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  const token = bearer && (await provider.AccessToken.find(bearer));
  if (!token || refuse.has("api")) {
    return [403, { success: false, errors: [{ code: 10000, message: "Authentication error" }], messages: [], result: null }];
  }
  const page = { page: 1, per_page: 50, count: 1, total_count: 1, total_pages: 1 };
  switch (request.url.split("?")[0]) {
    case "/client/v4/user":
      return [200, ok({ id: "1".repeat(32), email: token.accountId })];
    case "/client/v4/accounts":
      return [200, { ...ok([ACCOUNT]), result_info: page }];
    case "/client/v4/memberships":
      return [200, { ...ok([{ id: "2".repeat(32), status: "accepted", account: ACCOUNT, roles: ["Administrator"] }]), result_info: page }];
    default:
      return [404, { success: false, errors: [{ code: 7003, message: `no route ${request.url}` }], messages: [], result: null }];
  }
}

function send(response, status, body, type = "application/json") {
  response.writeHead(status, { "content-type": type });
  response.end(type === "application/json" ? JSON.stringify(body) : body);
}

const server = createServer(
  { cert: readFileSync(settings.cert), key: readFileSync(settings.key) },
  async (request, response) => {
    const host = (request.headers.host ?? "").replace(/:\d+$/, "");
    log(`${host} ${request.method} ${request.url.split("?")[0]}`);
    if (host === "api.cloudflare.com") return send(response, ...(await api(request)));
    if (host !== "dash.cloudflare.com") return send(response, 200, "<!doctype html><title>Done</title><h1>Signed in</h1>", "text/html");
    if (refuse.has("token") && request.url.startsWith("/oauth2/token")) {
      return send(response, 400, { error: "invalid_grant", error_description: "refused by the test" });
    }
    return authorize(request, response);
  },
);
server.listen(0, "127.0.0.1", () => process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`));
