// A double of three providers' sign-in: just what gh, Claude Code and Codex ask of them, on HTTPS
// with a certificate of the test's own authority. It proves what a tool does, not what a provider
// does. It checks password, redirect_uri, PKCE verifier and state's presence, and refuses else.
//
// Argument: {"cert": path, "key": path, "account": ..., "password": ...} as JSON.
// Prints one line, {"port": N}, when it listens on 127.0.0.1.
import { createHash, createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const settings = JSON.parse(process.argv[2]);
const LOOPBACK = /^http:\/\/(localhost|127\.0\.0\.1):\d+\/(auth\/)?callback$/;
const codes = new Map(); // authorization code -> {redirect, challenge}
const tokens = new Set();
const devices = new Map(); // device code -> {userCode, approved, denied}

const random = (prefix) => prefix + randomBytes(24).toString("base64url");
const challengeOf = (verifier) => createHash("sha256").update(verifier).digest("base64url");
const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const hidden = (values) => Object.entries(values).map(([k, v]) => `<input type="hidden" name="${k}" value="${escape(v)}">`).join("");
const html = (title, body) => [200, `<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}`, "text/html"];
const json = (body, status = 200, headers = {}) => [status, JSON.stringify(body), "application/json", headers];
const redirect = (to) => [303, "", "text/plain", { location: to }];

function newToken(prefix) {
  return issued(random(prefix));
}

/** Says what must be found nowhere else: see Provider.issued. */
function issued(token) {
  tokens.add(token);
  process.stderr.write(`issued ${token}\n`);
  return token;
}

// --- pages: Login, then Consent; keyboard only: name, Tab, password, Enter; Enter -------------

function loginPage(values, error = "") {
  return html("Login", `<p>${error}</p><form method="post" action="/double/login">${hidden(values)}
    <input name="account" autofocus placeholder="Account"> <input name="password" type="password" placeholder="Password">
    <button name="go">Login</button></form>`);
}

function consentPage(values) {
  return html("Consent", `<form method="post" action="/double/consent">${hidden(values)}
    <button name="choice" value="allow" autofocus>Consent</button> <button name="choice" value="deny">Deny</button></form>`);
}

function login(form) {
  const { account, password, go, ...values } = form;
  if (account !== settings.account || password !== settings.password) return loginPage(values, "Wrong account or password.");
  return values.user_code === undefined ? consentPage(values) : devicePage();
}

function consent(form) {
  const to = new URL(form.redirect_uri);
  if (form.choice === "deny") {
    to.search = new URLSearchParams({ error: "access_denied", error_description: "user said no", state: form.state });
    return redirect(to.href);
  }
  const code = random("code_");
  codes.set(code, { redirect: form.redirect_uri, challenge: form.code_challenge });
  to.search = new URLSearchParams({ code, state: form.state });
  return redirect(to.href);
}

function authorize(query) {
  const { redirect_uri, state, code_challenge, code_challenge_method } = query;
  if (!LOOPBACK.test(redirect_uri ?? "") || !state || !code_challenge || code_challenge_method !== "S256") {
    return json({ error: "invalid_request" }, 400);
  }
  return loginPage({ redirect_uri, state, code_challenge });
}

function redeem(form) {
  const grant = codes.get(form.code);
  codes.delete(form.code);
  return Boolean(grant) && form.redirect_uri === grant.redirect && challengeOf(form.code_verifier ?? "") === grant.challenge;
}

// --- Claude Code -----------------------------------------------------------------------------

const PERSON = { uuid: "11111111-1111-4111-8111-111111111111", email: settings.account, email_address: settings.account };
const ORGANIZATION = { uuid: "22222222-2222-4222-8222-222222222222", name: "Test organization" };

function claudeToken(form) {
  if (form.grant_type === "refresh_token" ? !tokens.delete(form.refresh_token) : !redeem(form)) return json({ error: "invalid_grant" }, 400);
  return json({
    token_type: "Bearer",
    access_token: newToken("sk-ant-oat01-"),
    refresh_token: newToken("sk-ant-ort01-"),
    expires_in: 28800,
    scope: "user:inference user:profile",
    account: PERSON,
    organization: ORGANIZATION,
  });
}

const claudeProfile = () => json({
  account: { ...PERSON, full_name: "Alice", display_name: "Alice", has_claude_max: true, has_claude_pro: false, created_at: "2025-01-01T00:00:00Z" },
  organization: { ...ORGANIZATION, organization_type: "claude_max", billing_type: "none", rate_limit_tier: "default_claude_max_5x" },
});

// --- Codex -----------------------------------------------------------------------------------

function jwt(claims) {
  const part = (data) => Buffer.from(JSON.stringify(data)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ iss: "https://auth.openai.com", iat: now, exp: now + 36000, ...claims })}`;
  const token = `${text}.${createHmac("sha256", "test only").update(text).digest("base64url")}`;
  return issued(token);
}

function codexToken(form) {
  if (form.grant_type === "urn:ietf:params:oauth:grant-type:token-exchange") return json({ error: "invalid_request" }, 400);
  if (form.grant_type === "refresh_token" ? !tokens.delete(form.refresh_token) : !redeem(form)) return json({ error: "invalid_grant" }, 400);
  const auth = { chatgpt_account_id: "acct-test", chatgpt_user_id: "user-test", user_id: "user-test", chatgpt_plan_type: "plus", organizations: [] };
  const claims = { sub: "user-test", email: settings.account, email_verified: true, "https://api.openai.com/auth": auth };
  return json({ id_token: jwt(claims), access_token: jwt({ ...claims, "https://api.openai.com/profile": { email: settings.account } }), refresh_token: newToken("rt_"), token_type: "Bearer", expires_in: 36000 });
}

// --- gh --------------------------------------------------------------------------------------

const devicePage = (error = "") => html("Device", `<p>${error}</p><form method="post" action="/double/device">
  <input name="user_code" autofocus placeholder="Code"> <button name="go">Continue</button></form>`);

function deviceCode() {
  const letters = randomBytes(4).toString("hex").toUpperCase();
  const device = { userCode: `${letters.slice(0, 4)}-${letters.slice(4)}` };
  const device_code = random("dev_");
  devices.set(device_code, device);
  return json({ device_code, user_code: device.userCode, verification_uri: "https://github.com/login/device", expires_in: 900, interval: 1 });
}

function device(form) {
  const found = [...devices].find(([, d]) => d.userCode === (form.user_code ?? "").toUpperCase());
  if (!found) return devicePage("No such code.");
  if (form.choice === undefined) {
    return html("Authorize", `<form method="post" action="/double/device">${hidden({ user_code: form.user_code })}
      <button name="choice" value="allow" autofocus>Authorize</button> <button name="choice" value="deny">Cancel</button></form>`);
  }
  found[1][form.choice === "allow" ? "approved" : "denied"] = true;
  return html("Done", "<p>You can close this page.</p>");
}

function deviceToken(form) {
  const device = devices.get(form.device_code);
  if (!device) return json({ error: "bad_verification_code" });
  if (device.denied) return json({ error: "access_denied", error_description: "The authorization request was denied" });
  if (!device.approved) return json({ error: "authorization_pending" });
  devices.delete(form.device_code);
  return json({ access_token: newToken("gho_"), token_type: "bearer", scope: "gist,read:org,repo" });
}

// --- routes ----------------------------------------------------------------------------------

const bearer = (request) => tokens.has((request.headers.authorization ?? "").replace(/^(Bearer|token) /i, ""));
const known = (request, answer) => (bearer(request) ? answer : json({ error: "unauthorized", message: "Bad credentials" }, 401));
const GITHUB_SCOPES = { "x-oauth-scopes": "gist, read:org, repo" };

function route(request, url, form) {
  const query = Object.fromEntries(url.searchParams);
  switch (`${request.method} ${url.hostname}${url.pathname}`.replace(/\/$/, "")) {
    case "POST claude.com/double/login":
    case "POST claude.ai/double/login":
    case "POST auth.openai.com/double/login":
    case "POST github.com/double/login": return login(form);
    case "POST claude.com/double/consent":
    case "POST claude.ai/double/consent":
    case "POST auth.openai.com/double/consent": return consent(form);
    case "GET claude.com/cai/oauth/authorize":
    case "GET claude.ai/oauth/authorize":
    case "GET auth.openai.com/oauth/authorize": return authorize(query);
    case "POST platform.claude.com/v1/oauth/token": return claudeToken(form);
    case "GET platform.claude.com/oauth/code/success": return html("Done", "Signed in");
    case "GET api.anthropic.com/api/oauth/profile": return known(request, claudeProfile());
    case "GET api.anthropic.com/api/oauth/claude_cli/roles":
      return known(request, json({ organization_role: "admin", workspace_role: null, organization_name: ORGANIZATION.name }));
    case "POST auth.openai.com/oauth/token": return codexToken(form);
    case "POST auth.openai.com/oauth/revoke": tokens.delete(form.token); return json({});
    case "GET github.com/login/device": return loginPage({ user_code: "" });
    case "POST github.com/double/device": return device(form);
    case "POST github.com/login/device/code": return deviceCode();
    case "POST github.com/login/oauth/access_token": return deviceToken(form);
    case "GET api.github.com":
    case "HEAD api.github.com": return known(request, json({}, 200, GITHUB_SCOPES));
    case "POST api.github.com/graphql": return known(request, json({ data: { viewer: { login: settings.account } } }, 200, GITHUB_SCOPES));
    default: return json({ error: "not_found", message: `no ${url.pathname}` }, 404);
  }
}

async function readForm(request) {
  let body = "";
  for await (const chunk of request) body += chunk;
  try {
    return /json/.test(request.headers["content-type"] ?? "") ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body));
  } catch {
    return {};
  }
}

const server = createServer({ cert: readFileSync(settings.cert), key: readFileSync(settings.key) }, async (request, response) => {
  const url = new URL(request.url, `https://${request.headers.host}`);
  const [status, body, type, headers = {}] = route(request, url, await readForm(request));
  process.stderr.write(`${url.hostname} ${request.method} ${url.pathname} ${status}\n`);
  response.writeHead(status, { "content-type": type, ...headers });
  response.end(request.method === "HEAD" ? "" : body);
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`));
