"""All settings, from the environment; `.env.example` lists and explains every variable.

There is one settings module: nothing exists only in production. Risk parameters are not settings:
they are engine state, changed by commands.
"""

from pathlib import Path

import django_stubs_ext
import environ
from django.templatetags.static import static

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parents[2]

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses or networks of our proxies.
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
SECURE_COOKIES = env.bool("SECURE_COOKIES", default=True)

# Where the engine listens: unix:/path/to.sock or tcp:host:port; "inline" is this process (tests).
ENGINE_ADDRESS = env.str("ENGINE_ADDRESS", default="unix:/tmp/satchel-engine.sock")
# How long a caller waits for an outcome, across a restart of the engine.
ENGINE_TIMEOUT_SECONDS = env.float("ENGINE_TIMEOUT_SECONDS", default=15.0)
# What each edge process allows: signed requests of one account; public requests of one address.
SIGNED_REQUESTS_PER_MINUTE = env.int("SIGNED_REQUESTS_PER_MINUTE", default=2_000)
UNSIGNED_REQUESTS_PER_MINUTE = env.int("UNSIGNED_REQUESTS_PER_MINUTE", default=6_000)
# What each edge process asks the engine for one account (the largest loan, order, withdrawal).
QUESTIONS_PER_MINUTE = env.int("QUESTIONS_PER_MINUTE", default=300)
# A demo shows itself as one: random-walk prices are announced on every page.
DEMO = env.bool("DEMO", default=False)
# How long a new address of a user's book waits until it counts.
ADDRESS_BOOK_HOURS = env.int("ADDRESS_BOOK_HOURS", default=0 if DEMO else 24)
# Where index prices come from: "ccxt" follows real venues, "walk" is a random walk for demos,
# "tape" plays the file which FEED_TAPE names.
FEED = env.str("FEED", default="walk" if DEMO else "ccxt")
# The same seed walks the same way again.
FEED_SEED = env.str("FEED_SEED", default="satchel")
FEED_TAPE = env.str("FEED_TAPE", default="")
# A file with venues, weights and the terms of each asset's index, instead of prices.terms' own.
PRICES_FILE = env.str("PRICES_FILE", default="")
# How long the explanation of each second is kept, and of those in which something was wrong.
PRICE_RECORD_DAYS = env.int("PRICE_RECORD_DAYS", default=14)
PRICE_TROUBLE_DAYS = env.int("PRICE_TROUBLE_DAYS", default=400)
# What keeps them. The feed may know no tables, so it is told here.
PRICE_RECORDS = "trading.price_records.PriceRecords"
# The venues which desks may hedge at: a JSON file, as its keys are secrets (docs/runbook.md).
HEDGE_VENUES_FILE = env.str("HEDGE_VENUES_FILE", default=str(BASE_DIR / "var" / "venues.json"))
# After so long, an order which the venue does not know has not reached it: longer than a request
# to a venue may take, and longer than the venue takes one for valid.
HEDGE_RESEND_SECONDS = env.float("HEDGE_RESEND_SECONDS", default=30.0)
# For how long more than a desk's limit may be open before staff are told.
HEDGE_ALARM_SECONDS = env.float("HEDGE_ALARM_SECONDS", default=30.0)
# Whether desks also bring their inventory home on our own book.
HEDGE_UNWIND = env.bool("HEDGE_UNWIND", default=False)

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_countries",
    "drf_spectacular",
    "rest_framework",
    "compliance",
    "accounts",
    "trading",
    "lending",
    "sequencer",
    "prices",
    "bots",
    "hedging",
    "stress",
    "launcher",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.RecordDenials",
    "accounts.middleware.RefuseBlockedCustomers",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
# Bots sign the exact path: never redirect to a slash.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.pages.site",
            ],
        },
    },
]

DATABASES = {"default": env.db("DATABASE_URL")}
# The folder of a Unix socket stands in the query of a URL (?host=/run/postgresql), not in HOST.
if "host" in DATABASES["default"].get("OPTIONS", {}):
    DATABASES["default"]["HOST"] = DATABASES["default"]["OPTIONS"].pop("host")
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.str("CACHE_URL", default=REDIS_URL),
    }
}
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"

ACCOUNT_ADAPTER = "accounts.allauth.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_FORMS = {"signup": "accounts.forms.SignupForm"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# A demo has no mail server: addresses count as they are, and mail is printed.
ACCOUNT_EMAIL_VERIFICATION = env.str(
    "ACCOUNT_EMAIL_VERIFICATION", default="none" if DEMO else "mandatory"
)
# allauth sends codes only where the address must be verified.
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = ACCOUNT_EMAIL_VERIFICATION == "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_LOGOUT_ON_GET = False
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
EMAIL_BACKEND = env.str(
    "EMAIL_BACKEND",
    default=f"django.core.mail.backends.{'console' if DEMO else 'smtp'}.EmailBackend",
)
# Where the file-based backend writes mail: the demo keeps its mail in its data folder.
EMAIL_FILE_PATH = env.str("EMAIL_FILE_PATH", default=str(BASE_DIR / "var" / "mail"))
EMAIL_HOST = env.str("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.int("EMAIL_PORT", default=25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=False)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Satchel <no-reply@localhost>")

SESSION_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = SECURE_COOKIES
SECURE_REFERRER_POLICY = "same-origin"

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=BASE_DIR / "staticfiles")
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "config.assets.NodeModulesFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.assets.HashedStorage"},
}
# A checkout serves its files without `collectstatic`; after it, hashed and compressed ones.
WHITENOISE_USE_FINDERS = True
# Only these files of node_modules are served. Names end in .js, where hashing rewrites imports.
NODE_ASSETS = {
    "vendor/lightweight-charts.js": (
        "lightweight-charts/dist/lightweight-charts.standalone.production.mjs"
    ),
    "vendor/swagger-ui.js": "swagger-ui-dist/swagger-ui-bundle.js",
    "vendor/swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
    # Named by the style sheet.
    "vendor/swagger-ui.css.map": "swagger-ui-dist/swagger-ui.css.map",
}

CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ["/ops/"],
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.SignatureAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "accounts.api.schema.NamedByView",
    "EXCEPTION_HANDLER": "config.rest.handle_exception",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Satchel",
    "DESCRIPTION": "The exchange's REST API. Signing, errors and streams: docs/api.md.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["config.schema.add_fast_paths"],
    "POSTPROCESSING_HOOKS": ["config.schema.add_refusals"],
}

UNFOLD = {
    "SITE_TITLE": "Satchel operations",
    "SITE_HEADER": "Satchel",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("img/icon.svg")}
    ],
    "STYLES": [lambda request: static("css/ops.css")],
    "DASHBOARD_CALLBACK": "sequencer.dashboard.add_figures",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    # Anybody can send any Host; the answer is 400, and a traceback each would fill the log.
    "loggers": {"django.security.DisallowedHost": {"handlers": [], "propagate": False}},
}
