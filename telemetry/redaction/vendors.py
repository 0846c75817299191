"""The keys of vendors: how each begins, what it is made of, how long it is at least."""

from typing import NamedTuple

_LETTERS = "[A-Za-z0-9]"
_WORD = "[A-Za-z0-9_]"
_DASHED = "[A-Za-z0-9_-]"
_DOTTED = "[A-Za-z0-9_.=-]"
_BASE64 = "[A-Za-z0-9+/=_-]"
_HEX = "[0-9a-fA-F]"
_CAPITALS = "[A-Z0-9]"


class Vendor(NamedTuple):
    """`alphabet` and how many of it follow the prefix at least; `most` only where the exact length tells a key from a word."""

    name: str
    prefixes: str
    alphabet: str
    least: int
    most: int | None = None


VENDORS = (
    Vendor("Ollive", "olv_", _DASHED, 20),
    # Models
    Vendor("OpenAI", "sk-proj- sk-svcacct- sk-admin- sk-None-", _DASHED, 20),
    Vendor("OpenAI and those like it", "sk-", _DASHED, 20),
    Vendor("Anthropic", "sk-ant-", _DASHED, 20),
    Vendor("OpenRouter", "sk-or-", _DASHED, 20),
    Vendor("Langfuse", "sk-lf- pk-lf-", "[0-9a-f-]", 32),
    Vendor("LangSmith", "lsv2_pt_ lsv2_sk_ ls__", _WORD, 32),
    Vendor("Helicone", "sk-helicone- pk-helicone-", _DASHED, 20),
    Vendor("Google", "AIza", _DASHED, 35, 35),
    Vendor("Google OAuth", "ya29. GOCSPX- 1//0", _DASHED, 24),
    Vendor("Google AI Studio", "AQ.Ab8", _DASHED, 30),
    Vendor("Groq", "gsk_", _LETTERS, 32),
    Vendor("xAI", "xai-", _LETTERS, 32),
    Vendor("Hugging Face", "hf_ api_org_", _LETTERS, 30),
    Vendor("Replicate", "r8_", _LETTERS, 30),
    Vendor("Perplexity", "pplx-", _LETTERS, 32),
    Vendor("Fireworks", "fw_ fw- fpk_", _LETTERS, 20),
    Vendor("Together", "tgp_v1_", _DASHED, 32),
    Vendor("Cerebras", "csk-", _LETTERS, 32),
    Vendor("NVIDIA", "nvapi-", _DASHED, 40),
    Vendor("Voyage", "pa- al-", _DASHED, 40),
    Vendor("Jina", "jina_", _WORD, 40),
    Vendor("Tavily", "tvly-", _DASHED, 24),
    Vendor("Pinecone", "pcsk_", _WORD, 40),
    Vendor("ElevenLabs", "sk_", _HEX, 48),
    Vendor("Firecrawl", "fc-", _HEX, 32),
    Vendor("E2B", "e2b_", _HEX, 40),
    Vendor("Browserbase", "bb_live_", _DASHED, 20),
    Vendor("Databricks", "dapi", _HEX, 32, 32),
    # Clouds
    Vendor("AWS", "AKIA ASIA ABIA ACCA", "[A-Z2-7]", 16, 16),
    Vendor("AWS Bedrock", "ABSK bedrock-api-key-", _BASE64, 60),
    Vendor("DigitalOcean", "dop_v1_ doo_v1_ dor_v1_", _HEX, 60),
    Vendor("Heroku", "HRKU-", _DASHED, 30),
    Vendor("Fly", "fo1_ fm2_ fm1r_ fm1a_", _BASE64, 40),
    Vendor("Netlify", "nfp_", _LETTERS, 36),
    Vendor("Render", "rnd_", _LETTERS, 28),
    Vendor("Vercel", "vcp_ vci_ vca_", _LETTERS, 24),
    Vendor("Supabase", "sbp_ sb_secret_", _DASHED, 24),
    Vendor("PlanetScale", "pscale_tkn_ pscale_pw_ pscale_oauth_", _DOTTED, 32),
    Vendor("Alibaba", "LTAI", _LETTERS, 16, 26),
    Vendor("Tencent", "AKID", _LETTERS, 32, 32),
    Vendor("Yandex", "AQVN t1.9eue y0_", _DASHED, 30),
    Vendor("HashiCorp", "hvs. hvb. hvr.", _DASHED, 24),
    Vendor("Doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", "[A-Za-z0-9_.-]", 40),
    Vendor("Pulumi", "pul-", _HEX, 40),
    Vendor("Tailscale", "tskey-auth- tskey-api- tskey-client- tskey-scim- tskey-webhook-", _DASHED, 20),
    # Code
    Vendor("GitHub", "ghp_ gho_ ghu_ ghs_ ghr_", _LETTERS, 36),
    Vendor("GitHub", "github_pat_", _WORD, 22),
    Vendor("GitLab", "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glimt- glagent- gloas- glffct-", "[A-Za-z0-9_.-]", 20),
    Vendor("Bitbucket", "ATBB ATCTT3 ATATT3", "[A-Za-z0-9_=-]", 28),
    Vendor("npm", "npm_", _LETTERS, 36),
    Vendor("PyPI", "pypi-AgE pypi-AgN", _DASHED, 50),
    Vendor("RubyGems", "rubygems_", _HEX, 48),
    Vendor("crates.io", "cio", _LETTERS, 32, 32),
    Vendor("NuGet", "oy2", "[a-z0-9]", 43, 43),
    Vendor("Docker", "dckr_pat_ dckr_oat_", _DASHED, 24),
    Vendor("JFrog", "AKCp cmVmdGtu", _LETTERS, 48),
    Vendor("Buildkite", "bkua_", _HEX, 40),
    Vendor("CircleCI", "CCIPAT_ CCIPRJ_", _WORD, 40),
    Vendor("SonarQube", "sqp_ squ_ sqa_", _HEX, 40),
    Vendor("Postman", "PMAK-", "[a-f0-9-]", 50),
    Vendor("Prefect", "pnu_ pnb_", _LETTERS, 36),
    Vendor("age", "AGE-SECRET-KEY-1", _CAPITALS, 58, 58),
    Vendor("1Password", "ops_eyJ", _BASE64, 60),
    # Watching
    Vendor("Grafana", "glsa_ glc_", _BASE64, 32),
    Vendor("New Relic", "NRAK- NRJS- NRII-", _LETTERS, 19),
    Vendor("Sentry", "sntrys_ sntryu_", _BASE64, 40),
    Vendor("PostHog", "phx_", _LETTERS, 32),
    Vendor("Dynatrace", "dt0c01. dt0s01. dt0s16.", "[A-Z0-9.]", 60),
    # Business
    Vendor("Slack", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxc- xoxd- xoxe.xoxp- xapp-", "[A-Za-z0-9_%+/=-]", 20),
    Vendor("Stripe", "sk_live_ sk_test_ rk_live_ rk_test_", _LETTERS, 16),
    Vendor("Stripe", "whsec_", _BASE64, 24),
    Vendor("Twilio", "SK", "[0-9a-f]", 32, 32),
    Vendor("SendGrid", "SG.", "[A-Za-z0-9_.-]", 60),
    Vendor("Mailgun", "key-", "[0-9a-f]", 32, 32),
    Vendor("Brevo", "xkeysib- xsmtpsib-", "[A-Za-z0-9-]", 60),
    Vendor("Resend", "re_", _WORD, 30),
    Vendor("Shopify", "shpat_ shpca_ shppa_ shpss_", _HEX, 32),
    Vendor("Square", "sq0atp- sq0csp- EAAAE", _DASHED, 22),
    Vendor("Meta", "EAACEdEose0cBA EAAG EAAB", _LETTERS, 50),
    Vendor("Notion", "ntn_ secret_", _LETTERS, 40),
    Vendor("Linear", "lin_api_ lin_oauth_", _LETTERS, 32),
    Vendor("Figma", "figd_", _DASHED, 36),
    Vendor("Contentful", "CFPAT-", _DASHED, 40),
    Vendor("Dropbox", "sl.", _DASHED, 60),
    Vendor("Typeform", "tfp_", _BASE64, 40),
    Vendor("Trello", "ATTA", _HEX, 64),
    Vendor("EasyPost", "EZAK EZTK", _LETTERS, 54),
    Vendor("Shippo", "shippo_live_ shippo_test_", _HEX, 40),
    Vendor("Flutterwave", "FLWSECK-", _DASHED, 32),
    Vendor("Duffel", "duffel_live_ duffel_test_", _DASHED, 40),
)

SHAPES = (  # vendor, trigger, pattern with the secret in group 1, what may follow it past a cut: keys not told by how they begin
    ("Azure OpenAI", "JQQJ99", r"([A-Za-z0-9]{48,56}JQQJ99[A-Za-z0-9]{1,30})", r"[A-Za-z0-9]*"),
    ("Azure Entra", r"[0-9]Q~", r"([A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})", ""),
    ("Azure shared access", r"[?&]sig=", r"[?&]sig=([A-Za-z0-9%+/_-]{30,})", r"[A-Za-z0-9%+/=_-]*"),
    ("AWS signature", r"X-Amz-Signature=", r"X-Amz-Signature=([0-9a-f]{32,})", r"[0-9a-f]*"),
    ("Slack webhook", r"hooks\.slack\.com/", r"hooks\.slack\.com/[a-z]+/([A-Za-z0-9/_-]{20,})", r"[A-Za-z0-9/_-]*"),
    ("Discord webhook", r"/api/webhooks/[0-9]", r"/api/webhooks/[0-9]{17,20}/([A-Za-z0-9_-]{20,})", r"[A-Za-z0-9_-]*"),
    ("Telegram", "[0-9]:A", r"([0-9]{8,10}:A[A-Za-z0-9_-]{34})", ""),
    ("Discord", r"\.[GXY][A-Za-z0-9_-]{5}\.", r"([MNO][A-Za-z0-9_-]{23,27}\.[GXY][A-Za-z0-9_-]{5}\.[A-Za-z0-9_-]{27,40})", ""),
    ("Terraform", r"\.atlasv1\.", r"([A-Za-z0-9]{10,16}\.atlasv1\.[A-Za-z0-9_=-]{20,})", r"[A-Za-z0-9_=-]*"),
    ("Airtable", "pat[A-Za-z0-9]{14}[.]", r"(pat[A-Za-z0-9]{14}\.[0-9a-f]{20,})", r"[0-9a-f]*"),
    ("Mailchimp", "[0-9a-f]-us[0-9]", r"([0-9a-f]{32}-us[0-9]{1,2})", ""),
    ("Grafana", "eyJrIjoi", r"(eyJrIjoi[A-Za-z0-9+/]{30,}={0,2})", r"[A-Za-z0-9+/=]*"),
    ("Twitter", "AAAAAAAAAA", r"(A{18,22}[A-Za-z0-9%]{40,})", r"[A-Za-z0-9%]*"),
)
