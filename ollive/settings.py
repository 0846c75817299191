"""Every setting of the project, in one file. Values that differ between installations come from `ollive.env`."""

import os
import sys
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from ollive import env as from_env
from ollive.env import BASE_DIR, DATA_DIR, env

django_stubs_ext.monkeypatch()

# --- The installation ---------------------------------------------------------------------------------------------
OLLIVE_VERSION = "0.1.0"
ENVIRONMENT = env.str("ENVIRONMENT", default="development")
DEBUG = env.bool("OLLIVE_DEBUG", default=False)
SECRET_KEY = from_env.secret("SECRET_KEY", nbytes=48)
OLLIVE_ENCRYPTION_KEYS = from_env.secret("OLLIVE_ENCRYPTION_KEYS")  # id:key,id:key; the first one encrypts
OLLIVE_PROCESS = env.str("OLLIVE_PROCESS", default="command")  # web, worker, beat or command
OLLIVE_DATA_DIR = DATA_DIR
OLLIVE_PORT = env.int("OLLIVE_PORT", default=8000)
OLLIVE_HOST = env.str("OLLIVE_HOST", default="127.0.0.1")
OLLIVE_GRACE_SECONDS = env.float("OLLIVE_GRACE_SECONDS", default=5.0)  # for running replies, at shutdown
OLLIVE_PUBLIC_URL = env.str("OLLIVE_PUBLIC_URL", default="")
_public = urlsplit(OLLIVE_PUBLIC_URL)
ALLOWED_HOSTS = env.list("OLLIVE_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", *filter(None, [_public.hostname])])
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"] if OLLIVE_PUBLIC_URL else []

INSTALLED_APPS = [
    *(["daphne"] if "runserver" in sys.argv else []),  # it brings Twisted into every process, and serves only there
    "accounts.apps.OperatorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "csp",
    "django_htmx",
    "template_partials",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "ollive",
    "chat",
    "gateway",
    "telemetry",
    "accounts",
]

MIDDLEWARE = [
    "csp.middleware.CSPMiddleware",  # outermost, so that redirects and refused hosts carry the policy too
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ollive.pages.PageCompression",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.PersonMiddleware",  # Django's AuthenticationMiddleware, with the person's time zone
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "ollive.urls"
ASGI_APPLICATION = "ollive.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["ollive.templatetags.assets"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Servers ------------------------------------------------------------------------------------------------------
# The pool is for the web alone: Celery closes connections at task boundaries.
_database: dict[str, Any] = env.db_url_config(from_env.database_url() or "postgres://127.0.0.1:1/none")
_database["CONN_MAX_AGE"] = 0
_database.setdefault("OPTIONS", {}).update(connect_timeout=5, application_name=f"ollive {OLLIVE_PROCESS}")
if OLLIVE_PROCESS == "web":
    _database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": env.int("OLLIVE_DB_POOL", default=16), "timeout": 10}
DATABASES = {"default": _database}
REDIS_URL = from_env.redis_url()

CHANNEL_LAYERS = {
    # The core layer drops silently at 100 messages; this one carries rare control messages only, never tokens.
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL or "redis://127.0.0.1:1"]},
    },
}

CACHES = {"default": {"BACKEND": "accounts.cache.RedisOrMemoryCache", "LOCATION": REDIS_URL or "redis://127.0.0.1:1"}}

CELERY_BROKER_URL = REDIS_URL or "redis://127.0.0.1:1"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 10, "socket_connect_timeout": 2, "retry_on_timeout": True}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat" / "schedule")
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    "drain the inbox": {"task": "digest.drain", "schedule": 5.0},
    "close the calls of silent processes": {"task": "processes.close_silent", "schedule": 10.0},
    "make the log's partitions": {"task": "partitions.ensure", "schedule": 3600.0},
    "release expired reservations": {"task": "budgets.release_expired", "schedule": 60.0},
    "forget old answers": {"task": "answers.purge", "schedule": 600.0},
    "tell webhooks": {"task": "webhooks.deliver", "schedule": 5.0},
    "forget old deliveries": {"task": "webhooks.prune", "schedule": 3600.0},
    "look at alerts": {"task": "alerts.evaluate", "schedule": 30.0},
    "write of alerts": {"task": "alerts.write", "schedule": 10.0},
    "forget old alerts": {"task": "alerts.prune", "schedule": 3600.0},
    "work on repricings": {"task": "repricing.work", "schedule": 30.0},
    "forget what the feed's consumers have seen": {"task": "feed.prune", "schedule": 600.0},
    "embed what was said": {"task": "search.embed", "schedule": 30.0},
    "roll up what changed": {"task": "rollups.build", "schedule": 10.0},
    "delete what is too old": {"task": "retention.enforce", "schedule": 3600.0},
    "close expired runs": {"task": "runs.sweep", "schedule": 5.0},
    "work on many calls at once": {"task": "logs.bulk", "schedule": 5.0},
    "look for names": {"task": "redaction.deep", "schedule": 30.0},
    "forget expired originals": {"task": "originals.purge", "schedule": 300.0},
    "forget deleted chats": {"task": "conversations.purge", "schedule": 30.0},
    "erase deleted workspaces": {"task": "workspaces.delete", "schedule": 60.0},
    "forget unsent files": {"task": "files.purge", "schedule": 3600.0},
    "forget expired sessions": {"task": "accounts.purge", "schedule": 86_400.0},
}

# --- People -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # else anybody could have mail sent to anybody
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600  # seconds that a password typed again is good for
ACCOUNT_SESSION_REMEMBER = True
PASSWORD_RESET_TIMEOUT = 3600
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
_KEEPS_MAIL_HERE = ("console", "dummy", "filebased", "locmem")
OLLIVE_SENDS_MAIL = not any(f".{kind}." in EMAIL_CONFIG["EMAIL_BACKEND"] for kind in _KEEPS_MAIL_HERE)  # what mail is needed for
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("OLLIVE_MAIL_FROM", default=f"Ollive <ollive@{_public.hostname or 'localhost'}>")
EMAIL_TIMEOUT = 20
ACCOUNT_EMAIL_NOTIFICATIONS = OLLIVE_SENDS_MAIL

MFA_ADAPTER = "accounts.second_factor.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Ollive"
MFA_TOTP_TOLERANCE = 1  # a code that is entered as it changes is good; none is good twice (accounts.second_factor)
MFA_FORMS = {
    "activate_totp": "accounts.second_factor.ActivateTOTPForm",
    "authenticate": "accounts.second_factor.AuthenticateForm",
    "reauthenticate": "accounts.second_factor.ReauthenticateForm",
}

# Signing in at an OpenID Connect provider: its address and a client there suffice.
OLLIVE_OIDC_ISSUER = env.str("OLLIVE_OIDC_ISSUER", default="").rstrip("/")
OLLIVE_OIDC_CLIENT_ID = env.str("OLLIVE_OIDC_CLIENT_ID", default="")
OLLIVE_OIDC_CLIENT_SECRET = env.str("OLLIVE_OIDC_CLIENT_SECRET", default="")
OLLIVE_OIDC_NAME = env.str("OLLIVE_OIDC_NAME", default="single sign-on")
OLLIVE_OIDC_ALLOWED_DOMAINS = [domain.lower() for domain in env.list("OLLIVE_OIDC_ALLOWED_DOMAINS", default=[])]
OLLIVE_OIDC_ROLE = env.str("OLLIVE_OIDC_ROLE", default="member")  # of who comes from an allowed domain, in the first workspace
SOCIALACCOUNT_ADAPTER = "accounts.oidc.ProviderAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = True  # a form that is sent on to another host is refused by the policy below
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10

# --- Security -----------------------------------------------------------------------------------------------------
# No inline script or style anywhere: everything is served from /static/.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
OLLIVE_PUBLIC_SHARING = env.bool("OLLIVE_PUBLIC_SHARING", default=True)  # share links open without signing in
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
BEHIND_TLS = OLLIVE_PUBLIC_URL.startswith("https://")
# Ollive does not end TLS itself: an https address means a proxy, and without its word every page would redirect for ever.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("OLLIVE_TRUST_PROXY", default=BEHIND_TLS) else None
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [r"^(healthz?|ready|metrics)$"]  # probes speak to the process itself
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = BEHIND_TLS
SECURE_HSTS_PRELOAD = BEHIND_TLS
SESSION_ENGINE = "accounts.session_store"
SESSION_COOKIE_SECURE = BEHIND_TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "__Host-sessionid" if BEHIND_TLS else "ollive_sessionid"
CSRF_COOKIE_SECURE = BEHIND_TLS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = "__Host-csrftoken" if BEHIND_TLS else "ollive_csrftoken"
CORS_ORIGINS: list[str] = env.list("CORS_ORIGINS", default=[])  # sites whose scripts may ask the API with a key
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
OLLIVE_MAX_FILE_BYTES: int = env.int("OLLIVE_MAX_FILE_BYTES", default=10_000_000)  # of a picture that somebody attaches
OLLIVE_MAX_TEXT_BYTES: int = env.int("OLLIVE_MAX_TEXT_BYTES", default=1_000_000)  # of a text
OLLIVE_FILES_QUOTA_BYTES: int = env.int("OLLIVE_FILES_QUOTA_BYTES", default=500_000_000)  # of one person's files
OLLIVE_FILES_DIR = env.str("OLLIVE_FILES_DIR", default=str(DATA_DIR / "files"))  # shared by all web processes and workers
# What is sent to a page is held in memory, never in a temporary file: of files nothing lies anywhere unencrypted.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = max(OLLIVE_MAX_FILE_BYTES, OLLIVE_MAX_TEXT_BYTES, DATA_UPLOAD_MAX_MEMORY_SIZE) + 1_000_000

# --- What is recorded ---------------------------------------------------------------------------------------------
OLLIVE_PAYLOADS = env.str("OLLIVE_PAYLOADS", default="full")  # full, preview or none
OLLIVE_MEANING_SEARCH = env.bool("OLLIVE_MEANING_SEARCH", default=False)  # embed what is said; needs the extras and pgvector
OLLIVE_RETENTION_DAYS: int = env.int("OLLIVE_RETENTION_DAYS", default=30)  # of calls and what was said in them
OLLIVE_ROLLUP_DAYS: int = env.int("OLLIVE_ROLLUP_DAYS", default=400)  # of their sums
REDACT_PII = env.bool("REDACT_PII", default=True)  # off, personal data stays in what is stored; secrets never do
if not REDACT_PII and ENVIRONMENT != "development":
    raise ImproperlyConfigured("REDACT_PII=false is for ENVIRONMENT=development alone.")
if OLLIVE_PAYLOADS not in {"full", "preview", "none"}:
    raise ImproperlyConfigured(f"OLLIVE_PAYLOADS is {OLLIVE_PAYLOADS!r}: it can be full, preview or none.")
OLLIVE_INBOX_LIMIT = env.int("OLLIVE_INBOX_LIMIT", default=1_000_000)  # events that may wait before new ones are refused
OLLIVE_BODY_TIMEOUT = env.float("OLLIVE_BODY_TIMEOUT", default=20.0)  # seconds between two parts of what a program sends
RATE_LIMIT_PER_MIN = max(0, env.int("RATE_LIMIT_PER_MIN", default=30))  # of a key that has no limit of its own; 0: none
CLIENT_API_TOKEN = env.str("CLIENT_API_TOKEN", default="")  # a key that programs have already, whatever its form
OLLIVE_RAW_PAYLOADS = env.str("OLLIVE_RAW_PAYLOADS", default="")  # the database, file:///folder or s3://bucket/prefix
OLLIVE_DEEP_MODEL = env.str("OLLIVE_DEEP_MODEL", default="")  # the spaCy model, or its folder, that knows names
OLLIVE_SPOOL_BYTES = env.int("OLLIVE_SPOOL_BYTES", default=256 * 1024 * 1024)  # for what is paid for while PostgreSQL is away

# --- Models -------------------------------------------------------------------------------------------------------
OLLIVE_LOCAL_MODEL = from_env.services().get("model")  # {base_url, api_key, name}, or None without the demo model
DEFAULT_PROVIDER = env.str("DEFAULT_PROVIDER", default="")
DEFAULT_MODEL = env.str("OPENAI_MODEL", default="") or env.str("OPENAI_DEFAULT_MODEL", default="")
OLLIVE_AUTO_TITLES = env.bool("OLLIVE_AUTO_TITLES", default=True)  # a cheap model names each chat after its first reply
DEFAULT_TEMPERATURE = env.float("TEMPERATURE", default=0.7)
DEFAULT_MAX_TOKENS: int = env.int("MAX_TOKENS", default=4096)
OLLIVE_CONNECT_TIMEOUT = env.float("OLLIVE_CONNECT_TIMEOUT", default=10.0)  # seconds, all three
OLLIVE_FIRST_BYTE_TIMEOUT = env.float("OLLIVE_FIRST_BYTE_TIMEOUT", default=120.0)
OLLIVE_IDLE_TIMEOUT = env.float("OLLIVE_IDLE_TIMEOUT", default=60.0)
OLLIVE_FETCH_HOSTS: list[str] = env.list("OLLIVE_FETCH_HOSTS", default=[])  # private hosts whose pages models may read
OLLIVE_PRIVATE_PROVIDER_HOSTS = env.list("OLLIVE_PRIVATE_PROVIDER_HOSTS", default=[])  # hosts that a page may name
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

# --- Languages, static files, logs --------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "ollive.bundles.BundlingStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = False

# --- How it is watched --------------------------------------------------------------------------------------------
_NEAR = ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
OLLIVE_METRICS_ALLOW: list[str] = [
    network for network in env.list("OLLIVE_METRICS_ALLOW", default=_NEAR) if network != "none"
]  # who reads /metrics without a key
for _network in OLLIVE_METRICS_ALLOW:
    try:
        ip_network(_network, strict=False)
    except ValueError:
        raise ImproperlyConfigured(f"OLLIVE_METRICS_ALLOW: {_network!r} is not a network such as 10.0.0.0/8.") from None
OLLIVE_METRICS_TOKEN = env.str("OLLIVE_METRICS_TOKEN", default="")  # what Prometheus shows instead
OTLP_COLLECTOR_URL = env.str("OTLP_COLLECTOR_URL", default="")  # where traces of Ollive itself go; needs the extras

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
DB_ECHO = env.bool("DB_ECHO", default=False)
LOGGING_CONFIG = "ollive.logging.configure"
LOGGING: dict[str, Any] = {"level": LOG_LEVEL, "echo_sql": DB_ECHO}
