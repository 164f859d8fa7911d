"""Tables that synthetic tweets are made of: sentences, topics, places, names.

A sentence is a format string with {0} the topic, {1} a place, {2} a number, {3} a name. The tables
hold on purpose what breaks careless readers of JSON: right-to-left scripts, combining marks, emoji
of several code points, quotes, backslashes, line feeds, U+2028, markup, text that looks like JSON,
and the `&amp;` that Twitter really sends.

A change here changes every stream: equal seeds then give other tweets than before.
"""

# ruff: noqa: RUF001 - look-alike characters are what such tables are for

SENTENCES: dict[str, tuple[str, ...]] = {
    "en": (
        "Can't stop thinking about {0}. Day {2} and still going.",
        "RT @{3}: {0} in {1}, live in {2} minutes!",
        'They said "{0} will never work". Well, {1} just proved them wrong.',
        "New paper on {0}: n={2}, p < 0.05 &amp; the data is open. Thread below",
        "Who else is watching {0} from {1} tonight?",
        "{2} reasons why {0} matters\n\n1. It is fun\n2. It is {1}\n3. See 1",
        "Unpopular opinion: {0} was better {2} years ago.",
        "Huge thanks to everyone in {1} who came to hear about {0} (all {2} of you).",
        "C:\\Users\\{3}\\{0} is not a backup strategy.",
        "Breaking: officials in {1} confirm {2} new cases of {0} fever.",
        "My {0} bot says </script><b>hi</b> to {1}",
        '{{"topic": "{0}", "next_token": "{2}"}} is what my API said today. lol',
    ),
    "es": (
        "¿Alguien más sigue {0} desde {1}? ¡Qué emoción!",
        "Hoy en {1}: {0}, {2} personas y mucha ilusión.",
        "No entiendo por qué nadie habla de {0} en España, llevamos {2} días así.",
        "Mañana hablamos de {0}; año tras año, {1} nos sorprende.",
    ),
    "pt": (
        "Não acredito que {0} chegou a {1}! Já são {2} pessoas na fila.",
        "Bom dia, {1}! Hoje o assunto é {0}.",
        "Coração dividido: {0} ou praia em {1}?",
    ),
    "fr": (
        "Très belle journée à {1} : {0}, soleil et {2} cafés.",
        "« {0} », c'est le mot de l'année. Qui l'eût cru ?",
        "À {1}, on parle déjà de {0} pour l'été. Plus que {2} jours…",
    ),
    "de": (
        "{0} in {1}: über {2} Leute, großartige Stimmung!",
        "Straßenbahn verspätet, {0} verpasst. Schöne Grüße aus {1}.",
        "Für alle, die {0} noch nicht kennen: Ärmel hochkrempeln, los geht's.",
    ),
    "tr": (
        "İstanbul'dan {1}'a {0} heyecanı, {2} kişi oradaydı!",
        "Bugün {0} hakkında çok güzel şeyler öğrendim.",
    ),
    "pl": ("Zażółć gęślą jaźń, czyli {0} w mieście {1}, dzień {2}.",),
    "ja": (
        "今日の{0}は最高でした!{1}からお届けします。{2}人も集まるなんて。",
        "{0}について考えていたら、もう{2}時間も経っていた…。",
        "速報:{1}で{0}が始まりました。",
    ),
    "ko": (
        "{1}에서 {0} 소식 전해드립니다. 벌써 {2}명이 모였어요!",
        "오늘도 {0} 생각뿐이에요.",
    ),
    "ar": (
        "أخبار عاجلة من {1}: {0} يصل إلى {2} مشاهد",
        "هل تابعتم {0} اليوم؟ شكرًا لكم جميعًا!",
        "قال لي صديقي: «{0}» أجمل ما في {1}.",
    ),
    "he": (
        "מי עוד עוקב אחרי {0} מ-{1}? כבר {2} ימים!",
        "שבוע טוב, היום נדבר על {0}.",
    ),
    "fa": ("امروز در {1} دربارهٔ {0} صحبت می‌کنیم، {2} نفر آمدند.",),
    "hi": (
        "{1} से {0} की ताज़ा ख़बर: {2} लोग मौजूद थे।",
        "क्या आपने आज {0} देखा?",
    ),
    "th": ("วันนี้ที่ {1} มีเรื่อง {0} ให้คุยกัน {2} เรื่อง",),
    "ru": ("Сегодня в городе {1} все говорят про {0}: уже {2} человек!",),
    "und": (
        "{0}\u2028{2}\t{1}",
        "e\u0301galite\u0301 \u200d {0} \u202e{1}\u202c {2}",
    ),
}

LANGUAGES: tuple[str, ...] = tuple(
    lang
    for lang, weight in {
        "en": 30, "ja": 12, "es": 10, "pt": 7, "ar": 7, "fr": 5, "tr": 4, "ko": 4, "de": 4,
        "hi": 4, "th": 3, "he": 2, "fa": 2, "ru": 3, "pl": 1, "und": 2,
    }.items()
    for _ in range(weight)
)  # fmt: skip
"""A language as often as its share, in percent."""

TOPICS: tuple[tuple[str, str], ...] = (
    ("the Moon", "Artemis"), ("Mars", "CountdownToMars"), ("the ISS", "ISS"),
    ("climate change", "ClimateAction"), ("open data", "OpenData"), ("football", "WorldCup"),
    ("the election", "Election2021"), ("vaccines", "COVID19"), ("K-pop", "방탄소년단"),
    ("machine learning", "MachineLearning"), ("coffee", "coffee"), ("street art", "streetart"),
    ("Rust", "rustlang"), ("earthquakes", "地震"), ("poetry", "شعر"), ("old maps", "OldMaps"),
    ("birds", "birdwatching"), ("bread", "sourdough"), ("trains", "trainspotting"),
    ("a solar eclipse", "Eclipse"), ("volcanoes", "LaPalma"), ("chess", "chess"),
)  # fmt: skip
"""A topic as people say it, and its hashtag."""

PLACES: tuple[str, ...] = (
    "Berlin", "São Paulo", "東京", "Zürich", "القاهرة", "Łódź", "Reykjavík", "Nairobi", "तमिलनाडु",
    "New York", "Москва", "תל אביב", "서울", "Ciudad de México", "Ísafjörður", "Jakarta", "Lagos",
    "Kraków", "Antananarivo", "Wellington", "กรุงเทพ", "Αθήνα", "Córdoba", "Montréal",
)  # fmt: skip

NAMES: tuple[str, ...] = (
    "ada", "grace", "linus", "margaret", "alan", "hedy", "katherine", "edsger", "barbara", "ken",
    "radia", "dennis", "frances", "donald", "sophie", "tim", "lynn", "guido", "joan", "claude",
)  # fmt: skip

_JOINER = "\N{ZERO WIDTH JOINER}"

EMOJI: tuple[str, ...] = (
    "😀", "🚀", "🌍", "❤️", "🇪🇺", "🔥", "✨", "☕️", "🦜", "1️⃣", "😭😭😭", "⚽️",
    f"👩🏽{_JOINER}🚀", f"👨{_JOINER}👩{_JOINER}👧{_JOINER}👦", f"🏳️{_JOINER}🌈", f"🤷🏿{_JOINER}♀️",
)  # fmt: skip
