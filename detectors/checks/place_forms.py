"""The forms in which answers name districts, streets, sights and businesses, in nine languages.

A form matches the name with the word that says what it is ("the Alfama quarter", "rue de Rivoli",
``渋谷区``). Forms are linear in time, as those of ``patterns`` are: repetitions are bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from detectors.checks.gazetteer import Level, folded


@dataclass(frozen=True, slots=True)
class Form:
    """``expression`` has a group ``name``: the words of the name itself, which may not be generic."""

    name: str
    level: Level
    expression: re.Pattern[str]


_CAP: Final = r"[^\W\d_a-zß-öø-ÿ][\w'’.-]{0,30}"
_NAME: Final = (
    rf"(?P<name>{_CAP}(?:[ ](?:(?:of|the|and|de|la|du|del|da|do|of|St\.)[ ]){{0,2}}{_CAP}){{0,4}})"
)
"""Words with a capital letter, of any script with letters of two sizes."""
_OF: Final = r"(?:(?:de|du|des|d['’]|del|la|le|les|los|las|el|da|do|das|dos|di|della|al)[ ]?){0,3}"
_HAN: Final = (
    r"(?:(?![这這那一座条條个個家某的是在有和与與了着著很几两些种本该各或到从對对把被不也就还又像您我你他她它们為为于於叫近等及])"
    r"[\u4e00-\u9fff])"
)
"""A character that may stand in a name: no particle, measure word or pronoun of Chinese."""
_ARABIC: Final = r"[\u0621-\u0652]"
_HINDI: Final = r"[\u0900-\u0963]"

_EN_PARTS: Final = (
    "district|quarter|neighbou?rhood|ward|borough|suburb|precinct|arrondissement|barrio|kiez|"
    "District|Quarter|Neighbou?rhood|Ward|Borough|Heights|Village"
)
_EN_SIGHTS: Final = (
    "Hotel|Inn|Hostel|Motel|Resort|Restaurant|Caf[eé]|Bistro|Diner|Bar|Pub|Bakery|Brasserie|"
    "School|Academy|College|University|Institute|Museum|Gallery|Cathedral|Church|Chapel|Basilica|"
    "Abbey|Minster|Monastery|Temple|Shrine|Mosque|Synagogue|Pagoda|Tower|Bridge|Station|Airport|"
    "Stadium|Arena|Ballpark|Palace|Castle|Fort|Fortress|Citadel|Park|Gardens?|Square|Plaza|Market|"
    "Bazaar|Souk|Hospital|Clinic|Library|Theat(?:re|er)|Opera(?: House)?|Hall|Gate|Building|"
    "Cent(?:re|er)|Mall|Zoo|Aquarium|Pier|Harbou?r|Marina|Beach|Lighthouse|Cemetery|Memorial|"
    "Monument|Statue|Fountain|Brewery|Winery|Arch|Falls|Mansion|Manor|Lodge|Ferry Terminal|"
    "Nursery|Kindergarten|Gym|Pharmacy|Supermarket|Store|Bookshop|Campus"
)
_EN_STREETS: Final = (
    "Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Boulevard|Blvd|Court|Crescent|Square|Terrace|"
    "Highway|Parkway|Close|Mews|Row|Alley|Way|Embankment|Promenade|Circus"
)
_ROMANCE_STREETS: Final = (
    "[Rr]ue|[Aa]venue|[Bb]oulevard|[Pp]lace|[Qq]uai|[Cc]hemin|[Ii]mpasse|[Pp]assage|[Cc]alle|"
    "[Aa]venida|[Pp]aseo|[Pp]laza|[Cc]arrera|[Cc]alzada|[Cc]arrer|[Rr]ambla|Via|Viale|"
    "[Pp]iazza|[Cc]orso|[Rr]ua|[Tt]ravessa|[Pp]raça|[Ll]argo|[Aa]lameda"
)
_PREFIXED: Final = (
    "[Hh][oô]t[eé]l|[Hh]ostal|[Pp]ousada|[Cc]af[eéè]|[Rr]estaurante?|[Bb]rasserie|[Bb]istrot?|[Tt]rattoria|"
    "[Oo]steria|[Pp]izzeria|[Pp]adaria|[Ll]ivraria|[Bb]oulangerie|[Cc]hâteau|[Pp]arc|[Pp]arque|[Pp]ont|[Pp]uente|"
    "[Pp]onte|[Pp]alais|[Pp]alacio|[Pp]alácio|[Mm]usée|[Mm]useo|[Mm]useu|[Éé]glise|[Ii]glesia|"
    "[Ii]greja|[Cc]athédrale|[Cc]atedral|[Bb]asilique|[Bb]as[íi]lica|[Gg]are|[Ee]stación|"
    "[Ee]stação|[Ee]stadio|[Ee]stádio|[Ss]tade|[Tt]orre|[Tt]our|[Mm]ercado|[Mm]arché|[Ee]scuela|"
    "[Cc]olegio|[Cc]olégio|[Éé]cole|[Ll]ycée|[Cc]ollège|[Ee]scola|[Ii]nstituto|[Hh]ôpital|[Hh]ospital|"
    "[Jj]ard[íi]n|[Jj]ardim|[Pp]laya|[Pp]raia|[Pp]lage|[Tt]eatro|[Tt]héâtre|[Cc]astillo|[Cc]astelo|"
    "[Mm]osteiro|[Mm]onasterio|[Cc]onvento|[Uu]niversidade?|[Uu]niversité|[Mm]irador|[Mm]iradouro|"
    "[Aa]eropuerto|[Aa]eroporto|[Aa]éroport|[Ff]onte|[Ff]uente|[Ff]ontaine|[Mm]ezquita|[Aa]bbaye|[Ss]anctuaire"
)
_EN_OF: Final = (
    "University|Museum|Church|Cathedral|Basilica|Temple|Palace|Tower|Port|Statue|Gate|Castle|Fort|"
    "Bridge|Abbey|Mosque|Shrine|Monument|Bay|Cape"
)
_GERMAN_ENDS: Final = "straße|strasse|gasse|allee|damm|platz|weg|brücke|markt|kirche"
_GERMAN_WHOLE: Final = (
    "Dom|Münster|Hauptbahnhof|Bahnhof|Platz|Tor|Schloss|Zoo|Rathaus|Straße|Markt|Flughafen|Hafen|"
    "Marktplatz|Allee|Ring|Ufer|Brücke|Kirche|Kathedrale|Turm|Landstraße|Schule|Grundschule|"
    "Gymnasium|Universität|Krankenhaus|Museum|Stadion|Theater|Oper|Park|Weihnachtsmarkt"
)
_GERMAN_BEFORE: Final = (
    "Hotel|Café|Gasthof|Gasthaus|Pension|Restaurant|Gaststätte|Kirche|Grundschule|Schule|Gymnasium|"
    "Museum|Bahnhof|Schloss|Burg|Klinikum|Kloster|Bäckerei|Brauhaus|Biergarten|Stadion|Universität|"
    "U-Bahnhof|S-Bahnhof|Therme|Strandbad|Sankt|St\\."
)


_TABLE: Final = (
    # English
    ("district", Level.NEIGHBOURHOOD, rf"\b{_NAME}[ ](?:{_EN_PARTS})\b(?! of\b)"),
    (
        "district_of",
        Level.NEIGHBOURHOOD,
        rf"\b(?:{_EN_PARTS})[ ](?:of|called|named|known as)[ ](?:the[ ])?{_NAME}",
    ),
    (
        "numbered_district",
        Level.NEIGHBOURHOOD,
        r"(?P<name>\b\d{1,2}(?:st|nd|rd|th|e|er|ème|\.)?[ ]?(?:[Dd]istrict|[Aa]rrondissement|"
        r"[Bb]ezirk|[Ww]ard|[Pp]recinct)\b|\b(?i:distrito|comuna|district|bezirk|zona)[ ]\d{1,2}\b)",
    ),
    (
        "old_town",
        Level.NEIGHBOURHOOD,
        r"\b(?:[Oo]ld[ ][Tt]own|[Hh]istoric[ ][Cc]ent(?:re|er)|[Cc]ity[ ][Cc]ent(?:re|er)|Altstadt|Innenstadt|"
        r"centro[ ]histórico|casco[ ]antiguo|vieille[ ]ville|centre[ ]historique)[ ](?:of|von|de|do|da)[ ]"
        rf"(?P<name>{_CAP})|\b(?:[Dd]owntown|[Vv]ieux)[ -](?P<down>{_CAP})|"
        rf"(?P<of>{_CAP})['’]s[ ](?:old[ ]town|historic[ ]cent(?:re|er)|city[ ]cent(?:re|er)|downtown)\b",
    ),
    ("sight", Level.EXACT, rf"\b{_NAME}[ ](?:{_EN_SIGHTS})\b"),
    ("sight_of", Level.EXACT, rf"\b(?:{_EN_OF})[ ]of[ ](?:the[ ])?{_NAME}"),
    ("street", Level.EXACT, rf"(?P<name>\b(?:{_CAP}[ ]){{1,3}})(?:{_EN_STREETS})\b"),
    (
        "numbered_street",
        Level.EXACT,
        rf"(?P<name>\b\d{{1,3}}(?:st|nd|rd|th))[ ](?:{_EN_STREETS})\b",
    ),
    (
        "corner",
        Level.EXACT,
        rf"\b(?:corner|intersection|junction)[ ]of[ ](?P<name>(?:{_CAP}|\d+th)[ ](?:[\w'’.]{{1,20}}[ ])?"
        r"(?:and|&)[ ](?:[A-Z0-9]))",
    ),
    # French, Spanish, Portuguese, Italian
    ("street_of", Level.EXACT, rf"\b(?:{_ROMANCE_STREETS})[ ]{_OF}{_NAME}"),
    ("sight_named", Level.EXACT, rf"\b(?:{_PREFIXED})[ ]{_OF}[«„“\"]?{_NAME}"),
    (
        "quarter_named",
        Level.NEIGHBOURHOOD,
        r"\b(?i:quartier|faubourg|barrio|colonia|distrito|alcaldía|delegación|bairro|freguesia|zona|"
        rf"barri|quartiere|rione|commune|comuna)[ ](?:\w{{3,12}}[ ]){{0,1}}{_OF}[«„“\"]?{_NAME}",
    ),
    # German
    (
        "stadtteil",
        Level.NEIGHBOURHOOD,
        r"\b(?:Stadtteil|Viertel|Stadtviertel|Bezirk|Stadtbezirk|Ortsteil|Kiez|Vorort|Grätzl|Quartier)s?"
        rf"[ ][„\"»]?{_NAME}",
    ),
    (
        "viertel",
        Level.NEIGHBOURHOOD,
        r"\b(?P<name>[A-ZÄÖÜ][a-zäöüß]{2,20})(?:viertel|kiez|vorstadt)s?\b|"
        r"\b(?P<old>[A-ZÄÖÜ][a-zäöüß]{2,20}er)[ ](?:Altstadt|Innenstadt|Viertel|Kiez|Stadtteil|Bezirk|Westen|Osten|Süden|Norden)\b",
    ),
    (
        "strasse",
        Level.EXACT,
        rf"\b(?P<name>[A-ZÄÖÜ][a-zäöüß]{{2,20}}?)s?(?:{_GERMAN_ENDS})\b|"
        rf"\b(?P<of>[A-ZÄÖÜ][a-zäöüß]{{2,20}}(?:er|sche[rnms]?))[ ](?:{_GERMAN_WHOLE})\b|"
        r"\b(?P<long>[A-ZÄÖÜ][\wäöüß.]{1,20}(?:-[A-ZÄÖÜ][\wäöüß.]{1,20}){0,3})-"
        rf"(?:{_GERMAN_WHOLE}|Haus|Arena|Halle|Denkmal|Weg|Gasse)\b",
    ),
    (
        "tor",
        Level.EXACT,
        r"\b(?:vor[ ]dem|am|beim|zum|das)[ ](?P<name>[A-ZÄÖÜ][a-zäöüß]{3,20}?)s?tor\b",
    ),
    ("haus", Level.EXACT, rf"\b(?:{_GERMAN_BEFORE})[ ][„\"»]?{_NAME}"),
    # Chinese and Japanese
    (
        "qu",
        Level.NEIGHBOURHOOD,
        rf"(?P<name>{_HAN}{{1,6}})(?<![地社小山景市郊时時园園校灾牧林特治业業宅库庫专戦战禁学駐住店城街老新发開开])[区區]"
        rf"(?!域|别|分|間|间)|(?P<ku>[ァ-ヶー]{{2,12}})(?:地区|区|界隈)|"
        rf"(?P<ja>{_HAN}{{2,4}})(?:界隈|地区(?=[のでにをは、。])|胡同|街道办|街区|老城区|[一二三四五六七八九1-9]丁目)",
    ),
    (
        "lu",
        Level.EXACT,
        rf"(?<![座個个家条條间間所幢栋处處])(?P<name>{_HAN}{{2,6}}?)(?:路|大道|大街|巷|胡同|寺|塔|大桥|站|酒店|饭店|餐厅|大学|中学|小学|博物馆|"
        r"美术馆|广场|公园|教堂|机场|医院|宫|庙|古镇|夜市|步行街|咖啡馆|大厦|书店|体育场|动物园|码头|钟楼|古城|陵)"
        r"(?![线由过径程点名区區町市県县村])",
    ),
    (
        "eki",
        Level.EXACT,
        rf"(?P<name>(?:{_HAN}|[ァ-ヶーA-Za-z]){{1,12}}?)(?:駅|通り|大橋|橋|寺|神社|神宮|タワー|公園|大学|高校|高等学校|"
        r"小学校|中学校|美術館|博物館|城|ホテル|空港|市場|教会|大聖堂|広場|カフェ|レストラン|病院|商店街|劇場|"
        r"ストリート|ビル|スタジアム|動物園|水族館|食堂|旅館|庭園)(?!員|長|生|区|町|市|県|村)",
    ),
    # Arabic and Hindi
    (
        "hayy",
        Level.NEIGHBOURHOOD,
        rf"(?<!{_ARABIC})[وبفل]?(?:حي|حارة|ضاحية|بحي)[ ](?P<name>{_ARABIC}{{3,20}})",
    ),
    (
        "sharia",
        Level.EXACT,
        rf"(?<!{_ARABIC})[وبفل]?(?:شارع|فندق|مطعم|مقهى|مسجد|جامع|كنيسة|متحف|جامعة|مدرسة|محطة|مطار|ميدان|"
        rf"ساحة|جسر|برج|قصر|قلعة|حديقة|سوق|مستشفى|معبد|كورنيش)[ ](?![يتبلوفك])(?P<name>{_ARABIC}{{3,20}})",
    ),
    (
        "ilaka",
        Level.NEIGHBOURHOOD,
        rf"(?P<name>{_HINDI}{{2,20}})(?:[ ]नामक)?[ ](?:इलाक़?े|इलाक़?ा|मोहल्ले|मोहल्ला|मुहल्ले|कॉलोनी|वार्ड|नगर|बस्ती)",
    ),
    (
        "marg",
        Level.EXACT,
        rf"(?P<name>{_HINDI}{{2,20}})[ ](?:रोड|मार्ग|स्ट्रीट|चौक|बाज़ार|बाजार|बाज़ार|मंदिर|मस्जिद|क़?िले|क़?िला|महल|स्टेशन|"
        r"होटल|ब्रिज|ड्राइव|लेन|बीच|मॉल|सर्कल|स्कूल|विद्यालय|विश्वविद्यालय|अस्पताल|संग्रहालय|पार्क|रेस्तराँ|रेस्टोरेंट|रेस्तरां|कैफ़े|कैफे|पुल|गुरुद्वारे?|"
        r"गुरुद्वारा|चर्च|टावर|मीनार|गेट|घाट|एयरपोर्ट|हवाई|मठ|मक़?बरा|मक़?बरे|झील|पैलेस|कॉलेज)",
    ),
)
FORMS: Final = tuple(Form(name, level, re.compile(each)) for name, level, each in _TABLE)

ARTICLES: Final = frozenset(
    "a an the this that these my your our his her its their one each every some any no in at on "
    "what which another".split()
)
GENERIC: Final = ARTICLES | frozenset(
    folded(word)
    for word in (
        # English
        "a an the this that these my your our his her its their one each every some any no such "
        "in at on near from by with of and or for to is was are it if when while where what which "
        "there here as so but also then high elementary primary middle secondary data help support "
        "shopping train bus gas petrol police fire power space charging visitor visitors community "
        "business medical conference convention big small old new local public private grand main "
        "central historic modern famous typical traditional beautiful residential nearby another "
        "first second third white black red green blue yellow wooden stone brick glass city town "
        "village national international art sports fitness call service training nursing care "
        "apple app play google web online department convenience grocery general farmers flea "
        "christmas night street food car theme amusement water national state federal supreme time "
        "question yes no well perhaps maybe probably likely looks front opera town trade world "
        # German
        "ein eine einem einen einer der die das dem den des dieser diese dieses diesem im am beim "
        "haupt seiten einkaufs land bundes dorf wohn einbahn neben schnell küsten geschäfts park "
        "spiel arbeits sport markt markts super floh weihnachts bau auto rad geh feld wander wald "
        "sack auto baum steg schlaf stell zelt camping flug sitz grill rast kirch leucht fern "
        "wasser aus großer kleiner alter neuer schöner unser ihr ihrer sein seiner jeder große "
        "kleine alte neue hoher langer breiter grüner andere anderer welcher dies wein bauern "
        "fisch arbeitsmarkt stamm treppen bürger rat hänge stahl stein holz zug fußgänger backstein "
        "dorfkirche pfarr stadt um ab hin rück um unter über weiter finanz schwarz besucher gäste "
        "fußball garten hof eingangs scheunen metall eisen holz eltern kinder studenten lehrer studio wohnviertel stadtviertel altstadt innenstadt "
        "villen arbeiter geschäftsviertel kneipen vergnügungs himmels vier dreiviertel drei "
        "immobilien arbeitsmarktes markt unser meister "
        # French, Spanish, Portuguese
        "le la les un une des du de ce cette mon notre el los las una unos este esta o os as um uma "
        "il elle je on ici non oui si y en "
        # Arabic adjectives and small words
        "كبير كبيرة صغير صغيرة قديم قديمة ضيق ضيقة مزدحم مزدحمة جميل جميلة حديث حديثة تقليدي تقليدية "
        "شعبي شعبية عام عامة من في على مع إلى الى عن هو هي هذا هذه كان التي الذي التى حيث هادئ هادئة سكني "
        "سكنية راقي راقية محلي محلية تاريخي تاريخية واسع واسعة طويل عريض أوروبي آسيوي مليء مليئة يبدو مرتفع "
        "القطار القطارات المترو الحافلات الوقود مكتظ تجاري تجارية مثل أو عند بين خلال فاخر فاخرة فوق تحت أمام خلف قرب عبر ضخم ضخمة أثري أثرية خشبي خشبية أخضر بجانب "
        # Hindi
        "एक इस उस यह वह ये वे बड़ा बड़े बड़ी छोटा छोटे छोटी पुराना पुराने पुरानी नया नए सुंदर का के की को में पर से और या "
        "किसी कोई रेलवे बस मेट्रो प्राथमिक सरकारी हिंदू प्राचीन स्थानीय ऐतिहासिक शहरी ग्रामीण रिहायशी आवासीय पहाड़ी व्यस्त "
        "भीड़भाड़ इसी उसी हर अपने मेरे आपके सब्ज़ी सब्जी मुख्य प्रसिद्ध मशहूर बाज़ार बौद्ध जैन विशाल भव्य शांत हरे वाले वाला वाली "
        "सामने पास निजी शेयर थोक पुलिस रेल हाई मिडिल भरे कि तो भी ही है हैं"
    ).split()
)
"""Words that make no name of what follows or precedes them: "a bridge", "the train station"."""

_HAN_GENERIC: Final = re.compile(
    r"^(?:時計|钟|鐘|電波|展望|監視|绿顶|跨河|跨江|火车|地铁|汽车|公交|加油|车|高速|购物|商业|城市|主题|游乐|大型|著名|当地|国家|中心|道|公|马|铁|网|十字|乡间|林荫|"
    r"电|充电|变电|小|古|旧|老|繁华|热闹|普通|高层|摩天|观光|石|木|斜拉|拱|跨海|国际|星级|连锁|中式|西式|快|大|古老|哥特式|天主|"
    r"基督|现代|传统|历史|自然|艺术|综合|妇产|儿童|综合性|皇|故|早|晚|教|佛|寺|地下|最寄り|大|石|鉄|木|吊|歩道|横断歩|有名|"
    r"地元|近所|古い|仏教|国立|市立|県立|公立|私立|高級|観光|総合|高層|商業|青空|遊園|児童|鉄道|無人|ローカル|ビジネス|"
    r"リゾート|おしゃれ|コンビニ|ラブ|カプセル|オフィス|ファミリー|キリスト|カトリック|プロテスタント|ゴシック|ネット|インターネット|"
    r"株式|金融|朝|魚|卸売|蚤|中古|労働|海外|国内)$"
)


def generic(name: str, form: str) -> bool:
    """Whether what stands in a form's place for the name is no name.

    A street may be called by any word: High Street, Brick Lane.
    """
    if form == "street":
        return all(folded(word) in ARTICLES for word in name.split())
    if "\u3040" <= name[0] <= "\u9fff":
        return _HAN_GENERIC.search(name) is not None
    words = [folded(word).strip(" .,'s") or folded(word) for word in name.split()]
    return all(
        word in GENERIC or folded(raw) in GENERIC
        for word, raw in zip(words, name.split(), strict=True)
    )
