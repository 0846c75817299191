"""The kinds of values, and how a person reads them."""

from collections.abc import Mapping
from types import MappingProxyType

ID_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "AU_MEDICARE": "Medicare number",
        "AU_TFN": "tax file number",
        "BE_NN": "national number",
        "BR_CNPJ": "company number",
        "BR_CPF": "taxpayer number",
        "CA_SIN": "social insurance number",
        "CN_RIC": "identity card number",
        "DE_STEUER_ID": "tax id",
        "DK_CPR": "personal number",
        "ES_NIF": "identity number",
        "FI_HETU": "personal identity code",
        "FR_NIR": "social security number",
        "GB_NHS": "NHS number",
        "GB_NINO": "national insurance number",
        "IE_PPS": "PPS number",
        "IN_AADHAAR": "Aadhaar number",
        "IN_PAN": "PAN",
        "IT_FISCAL_CODE": "fiscal code",
        "MX_CURP": "CURP",
        "NL_BSN": "citizen service number",
        "NO_FNR": "national identity number",
        "PL_PESEL": "PESEL number",
        "PT_NIF": "taxpayer number",
        "SE_PERSONNUMMER": "personal number",
        "SG_NRIC": "NRIC number",
        "ZA_ID": "identity number",
    }
)
ID_COUNTRIES = frozenset(kind[:2] for kind in ID_LABELS)
LABELS: Mapping[str, str] = MappingProxyType(
    {
        "EMAIL": "e-mail",
        "PHONE": "phone number",
        "CARD": "card number",
        "IBAN": "bank account",
        "US_SSN": "social security number",
        "US_ITIN": "taxpayer number",
        "IP": "IP address",
        "MAC": "hardware address",
        "URL_CREDENTIALS": "URL password",
        "JWT": "access token",
        "PRIVATE_KEY": "private key",
        "API_KEY": "API key",
        "PASSWORD": "password",
        **ID_LABELS,
        "WITHHELD": "text withheld",
    }
)
