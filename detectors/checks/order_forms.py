"""The forms of orders to an assistant, in twelve languages: see ``orders``.

They speak of an answer, of its reader or of the assistant itself, so that signs, forms and
machines, which give orders too, rarely have them. Every repetition is bounded, so that a form is
linear in time.
"""

from __future__ import annotations

import re
from typing import Final

_AI: Final = (
    r"(?:A\.?I\.?|LLMs?|GPT(?:-?\d\w{0,3})?|ChatGPT|Claude|Gemini|Copilot|(?:AI |virtual |digital )?"
    r"assistants?|(?:chat|AI )?-?bots?|(?:AI|vision|language|large language|multimodal) "
    r"(?:model|system|assistant|agent|reader|tool|reviewer|grader|screener)s?)"
)
_DO: Final = (
    r"(?:say|answer|repl(?:y|ies)|respond|ignore|tell|describe|give|rate|recommend|conclude|write|"
    r"state|output|print|forget|praise|approve|hire|select|choose|stop|repeat|translate|include|"
    r"add|act|skip|accept|open|click|send|treat|report|summari[sz]e|follow|obey|refuse|confirm|"
    r"rank|score|grade|forward|end|begin|start|mention|claim|insist|disregard|reveal|mark|shortlist|"
    r"reject|do not|don['’]?t|never|always|only|please|you (?:must|should|are|have|will|may))"
)
_MUST: Final = r"(?:must|should|shall|will|is to|are to|has to|have to|needs? to|please)"
_SHOWN: Final = (
    r"(?:image|picture|photo|photograph|screenshot|text|line|message|sentence|instructions?|note|"
    r"caption|contents?|document|page|file|watermark|prompt|drawing|chart|sign)"
)
_THIS: Final = rf"(?:this|these|the|that|any|its|what|your)\b[^.\n]{{0,30}}?\b{_SHOWN}"
_ANSWER: Final = (
    r"(?:answer|response|reply|summary|description|output|caption|translation|transcript|review|"
    r"transcription)"
)
_USER: Final = r"(?:the|your|this|any|every|each)\s+(?:user|human|reader|viewer|asker|end user)s?"
_NOT: Final = r"(?:do not|don['’]?t|never|must not|mustn['’]?t|should not|avoid|refrain from|stop)"
_HERE: Final = (
    r"(?:^|[.!?:;,\"“”'\n—–-]\s{0,3}|\b(?:and|then|instead|please|always|only|simply|just|must|"
    r"should|now|to|will|,)\s{1,3})"
)
"""Where an order begins: a sentence, or after a word that leads to one."""

ENGLISH: Final = (
    # To whom: the assistant is spoken to, or told what assistants must do.
    (
        rf"(?:^|[.!?\n]\s{{0,3}})\W{{0,3}}(?:dear|hey|hi|hello|attention|note (?:to|for)|message (?:to|for)|"
        rf"memo to|instructions? (?:to|for)|for|to|listen|notice (?:to|for)|hint for)[,:]?\s"
        rf"(?:all\s|any\s|every\s|the\s|our\s|whichever\s)?{_AI}\b(?!\s(?:enthusiast|team|communit|lab|"
        r"research|user|fan|conference|class|club|course|engineer|lover|student|group|start))"
    ),
    rf"(?:^|[.!?\n]\s{{0,3}})\W{{0,3}}{_AI}\s?[,:;!—–-]\s{{0,3}}{_DO}\b",
    rf"\b(?:all|any|every|each|the|you)\s{_AI}s?\b[^.\n]{{0,60}}\b{_MUST}\s(?:not\s)?{_DO}\b",
    (
        rf"\b{_AI}\s(?:reading|reviewing|processing|looking at|viewing|summari[sz]ing|parsing|seeing|"
        rf"analy[sz]ing|scanning|evaluating|grading|screening|that (?:reads?|sees?|summari[sz]es?))\b"
    ),
    (
        rf"\b(?:PS|note|message|memo|word|hint) (?:for|to) {_AI}\b|\b(?:judge|grading|recruiting|screening|scoring|"
        r"ranking|reviewing) (?:models?|AIs?|LLMs?|bots?) (?:must|should|shall|has to|have to|will|please)\b"
    ),
    rf"\bif you(?:['’]re| are)\s(?:an?|the)\s(?:automated\s)?{_AI}\b",
    rf"\bas an? {_AI}\b[^.\n]{{0,20}}\byou (?:must|should|have to|are to|will|may|can)\b",
    # Of what: the answer, and the picture or text that it is about.
    (
        rf"\b{_NOT}\s(?:ever\s)?(?:describ|mention|reveal|disclos|transcrib|summari[sz]|acknowledg|"
        rf"caption|translat|quot|refer|comment|analy[sz]|identif|read(?:ing)? (?:out|aloud)|talk about|"
        rf"repeat|discuss|report)\w{{0,5}}\b[^.\n]{{0,20}}?(?:\b{_THIS}|{_USER})"
    ),
    (
        rf"\b{_NOT}\s(?:tell|inform|warn|alert|help|obey|listen to|assist|trust|answer)\w{{0,3}}\s(?:{_USER}|"
        r"the user['’]s)\b"
    ),
    (
        r"\b(?:never|do not|don['’]?t)\s(?:say|admit|mention|reveal|tell (?:anyone|them|him|her))\s(?:that\s)?"
        r"(?:you (?:read|saw|see|were|have|are|got|received|found)|this (?:text|line|note|message|"
        r"instruction|sign|image|picture))\b"
    ),
    (
        rf"{_HERE}say\s(?:only|exactly|just|nothing but|(?:that )?you (?:cannot|can['’]?t|see|saw|do not|don['’]?t|are|"
        r"could|have)|that (?:this|it is|there is no|the (?:image|picture|photo|text|page|document|product|answer)))"
    ),
    (
        rf"{_HERE}(?:reply|respond|answer)\s(?:only\b|exclusively|solely|just\b|nothing|with\s(?:only|nothing|"
        r"just|exactly|the (?:word|words|phrase|text|single|sentence)|[\"“«'‘])|(?:to\s)?(?:every|any|each|"
        r"all)(?:thing)?\b[^.\n]{0,25}\bwith\b|as (?:if|though|an?\b))"
    ),
    (
        rf"\b(?:begin|start|end|finish|conclude|close|open|prefix|preface|sign)\w{{0,3}}\s(?:off\s)?"
        rf"(?:all|every|each|of|any)?\s?(?:of\s)?(?:your|the|every|each)\s(?:\w{{1,12}}\s)?{_ANSWER}s?\s"
        r"(?:with|by)\b"
    ),
    (
        rf"{_HERE}(?:add|append|include|insert|mention|put|place|omit|leave|use|weave|slip|attach)\b"
        rf"[^.\n]{{1,60}}\b(?:in|to|into|at the (?:end|start|beginning|top|bottom) of|from|of|after|before)\s"
        rf"(?:all|every|each|any|the|your)?\s?(?:of\s)?(?:your\s)?(?:\w{{1,12}}\s)?{_ANSWER}s?\b"
    ),
    (
        rf"\bin your\s(?:\w{{1,12}}\s)?{_ANSWER}\b[^.\n]{{0,12}}\b(?:say|add|include|mention|claim|insert|state|"
        r"write|recommend|put|tell|praise|link)\b"
    ),
    (
        rf"\byour\s(?:\w{{1,12}}\s)?{_ANSWER}\s(?:must|should|shall|will|has to|is to|needs to)\s"
        r"(?:start|begin|end|contain|include|say|mention|only|not|recommend|consist|praise|claim|be (?:in|exactly|only|the|no))\b"
    ),
    (
        r"\binstead(?:\s?,?\s(?:say|reply|respond|tell|write|answer|output|print|describe|claim|give|show|"
        r"recommend)\b|\sof\s(?:answering|describing|replying|responding|summari[sz]ing|translating|"
        r"helping|analy[sz]ing|transcribing|reading|explaining|captioning)\b)"
    ),
    rf"\b{_DO}\b[^.\n]{{0,40}}\binstead of (?:what|the (?:image|picture|photo|question|answer))",
    (
        rf"{_HERE}(?:(?:claim|insist)\s(?:that|you|this|the|it['’]?s)|lie to (?:the user|them|the reader)|pretend\s(?:that\s)?"
        r"(?:you (?:cannot|can['’]?t|do not|did not|see)|this|there is|the (?:image|picture|photo|text)))"
    ),
    (
        r"\b(?:whatever|no matter what|regardless of what|anything|whoever|if (?:anyone|someone|the user))\b"
        r"[^.\n]{0,25}\bask(?:s|ed)?\b"
    ),
    (
        r"\b(?:describe|caption|call|identify|present|treat)\s(?:this|it|the (?:image|picture|photo|scene))\s"
        r"(?:only\s)?as\b"
    ),
    (
        rf"{_HERE}(?:print|output|write|repeat|return)\s(?:the following|exactly|only|nothing)\b|(?:^|[.!?\n]\s{{0,3}})"
        rf"(?:respond|reply):|\byour {_ANSWER} (?:backwards|in (?:reverse|capitals|emoji|rhyme|verse|base64))"
    ),
    (
        r"\b(?:talk about|speak about|describe|list|tell|provide|discuss|sing|give|offer)\b[^.\n]{0,40}\binstead\b|"
        r"\b(?:rather than|no need to) (?:answer|descri|translat|summar|cod|explain|identif|read)\w{0,6}"
    ),
    # Its reader.
    (
        rf"{_HERE}(?:tell|inform|assure|convince|persuade|advise|notify|ask|urge|instruct|direct|remind|"
        rf"trick|lie to|encourage|mislead|offer|give|send|redirect|push|warn|promise|refer)\s{_USER}\b(?!\s(?:group|interface|"
        r"guide|manual|name|account|id|list|profile))"
    ),
    rf"\b(?:ignore|disobey|insult|mock|refuse)\s{_USER}\b",
    (
        r"\b(?:the|this) user(?:['’]s)?\b(?! (?:group|interface|guide|manual|name|account|id|list|profile|clicks|logs|"
        r"must|can|is|has|had|was|will|may|needs|table|enters|selects|types|sees|opens|interface|story))"
    ),
    (
        r"\b(?:without|before) (?:asking|telling|notifying|informing|consulting|checking with|confirming with)\b|"
        r"\b(?:do not|don['’]?t) (?:notify|alert|inform) (?:anyone|anybody|them|him|her)\b"
    ),
    (
        r"\b(?:if|when|whenever) (?:they|anyone|someone|you are|you['’]re) (?:asked?s?|insists?|inquires?|wants? to know)\b"
        r"[^.\n]{0,50}\b(?:say|answer|reply|respond|tell|refuse|name only|talk)\b|\bwhatever the question\b|\bwhoever is asking\b"
    ),
    # What went before, and the rules.
    (
        r"\b(?:ignore|forget|disregard|override|bypass|discard|set aside|dismiss|overrule)\s(?:all|any|"
        r"every(?:thing)?|the|your|these|those|what(?:ever)?|previous|prior|earlier|safety|other|whole)\b"
        r"[^.\n]{0,30}?\b(?:instructions?|prompts?|guidelines?|you (?:were|have been) told|polic(?:y|ies)|"
        r"restrictions?|commands?|directives?|filters?|training|user['’]?s?|(?:previous|prior|earlier|safety|"
        r"your|other|system) rules)\b"
    ),
    (
        r"\byou are (?:now|no longer)\s(?:an?\b(?! member| part| step| winner)|my\b|bound|in (?:developer|debug|admin|"
        r"jailbreak|god|maintenance|unrestricted)|called|free (?:of|from)|unrestricted|restricted|(?-i:DAN))"
    ),
    (
        r"\bfrom now on,?\s(?:you (?:are|must|will|have|should|always|speak|reply|"
        r"respond)\b|answer|reply|respond|act|speak|every (?:answer|reply)|all (?:answers|replies))"
    ),
    r"\byou have no (?:restrictions?|rules|limits|filters?|guidelines)\b",
    (
        r"\b(?:safety|content|ethic\w{0,3}|moderation)\s(?:rules?|filters?|checks?|guidelines?|polic(?:y|ies)|"
        r"mode|restrictions?)\b[^.\n]{0,15}\b(?:off|disabled|suspended|lifted|no longer|do not apply|removed)\b"
    ),
    (
        rf"\b(?:new|updated|secret|hidden|real|actual|override|priority) (?:task|instruction|order|rule|"
        rf"objective|directive|goal|system prompt|persona|role)s?\s?[:=—–]\s{{0,3}}{_DO}\b"
    ),
    r"\byour (?:new |real |actual |only |sole )(?:task|job|goal|role|instructions?|mission|rules?|name)\b",
    (
        rf"\b(?:system|developer|admin(?:istrator)?)(?: (?:override|instruction|command|note|notice|message))?s?\s?[:=—–]"
        rf"\s{{0,3}}(?:{_DO}|you|safety|all (?:filters|rules)|skip|disable|debug|grant|switch|enter)\b|\bsystem override\b"
    ),
    # What is to be given away.
    (
        r"\b(?:reveal|print|output|show|display|repeat|leak|disclose|dump|quote|recite|paste|write out|give|"
        r"share|expose|return|echo|list|state|spell out|copy)\b[^.\n]{0,30}?\b(?:system (?:prompt|message|"
        r"instructions?)|(?:your|hidden|secret|initial|internal|original) (?:\w{1,12} )?(?:instructions?|"
        r"prompts?|guidelines?|configuration)|API keys? you|(?:words|text|everything|lines?|instructions?) "
        r"above|(?:developer|context|hidden) (?:message|prompt|window))\b"
    ),
    (
        r"\b(?:send|forward|e-?mail|post|upload|transmit|exfiltrate|copy|leak|encode|append)\b[^.\n]{0,30}?\b"
        r"(?:chat|conversation|history|transcript|context|session|user['’]s (?:\w{1,12} )?(?:data|name|question|"
        r"messages?|input|e-?mails?|address|files?|details))\b[^.\n]{0,25}\b(?:to|at|as|in)\b"
    ),
    r"!\[[^\]\n]{0,60}\]\(https?:",
    r"(?:^|[.!?\n]\s{0,3})(?:transfer|wire)\s(?:\d|[$€£]|the (?:funds|money|balance|amount))",
    # Marks and praise.
    (
        r"\b(?:give|assign|award)\s(?:this|the|it|him|her|them|me)\b[^.\n]{0,30}?\b(?:full marks|(?:perfect|top|"
        r"highest|maximum|best)(?: possible)? (?:score|grade|rating|marks?)|\d{1,3} (?:of|out of|/) ?\d{1,3}|"
        r"five stars|an? A\b)"
    ),
    (
        r"\b(?:rate|rank|score|grade|mark|rank)\s(?:this|it|the|me)\b[^.\n]{0,30}?\b(?:10 ?(?:/|of|out of) ?10|"
        r"100 ?(?:/|of|out of) ?100|highest|the best|(?:as )?excellent|first|at the top|five stars)"
    ),
    (
        r"\b(?:recommend|shortlist|hire|approve|accept|select|prefer|favou?r|promote|endorse)\s(?:this|the|only|"
        r"our)\s(?:\w{1,14}\s){0,2}?(?:candidate|applicant|paper|submission|essay|resum[eé]|cv|manuscript|"
        r"product|invoice|proposal|brand|vendor)\b(?! to a friend)[^.\n]{0,30}\b(?:above|over|without|rate|"
        r"regardless|immediately|\d|highly|strongly|only|first|everyone|always)"
    ),
)

OTHERS: Final = (
    # Chinese
    (
        r"(?:不要|别|请勿|禁止|切勿|不得|不许|勿|拒绝)(?:再|去)?(?:描述|提及|提到|翻译|总结|复述|提起|识别|分析|朗读|说明|"
        r"解释)[^。\n]{0,10}(?:图|照片|文字|内容|文件|页|段|这|该|它|指令|提示)"
    ),
    (
        r"(?:忽略|无视|忘记|忘掉|抛开|放弃|不理会|不用管|别管|覆盖|绕过)[^。\n]{0,14}(?:指令|指示|规则|提示词|设定|限制|对话|用户的|"
        r"(?:之前|以上|上面|前面)[^。\n]{0,6}(?:内容|要求|问题|说的))"
    ),
    r"(?:只|仅|一律|统一|直接|必须)(?:能|需|要|可以|允许|准)?(?:回复|回答|输出|答复|说)",
    (
        r"(?:告诉|告知|提醒|通知|劝|欺骗|骗|引导|诱导|建议|要求|请|让|向|说服)(?:该|这位|所有)?(?:用户|使用者|提问者|提问的人|读者|"
        r"看图的人)"
    ),
    (
        r"(?:输出|显示|泄露|打印|复述|公开|说出|重复|给出|列出|发送)[^。\n]{0,10}(?:系统提示|提示词|系统指令|隐藏指令|初始指令|"
        r"内部指令|上面的(?:内容|文字))"
    ),
    r"(?:助手|模型|(?<![A-Za-z])AI|人工智能|智能体|GPT)(?:[，,：:、！!]\s?[\u4e00-\u9fff]|请|必须|应当|应该|务必|需要|不得|不要|只能)",
    (
        r"从现在(?:起|开始)[，,]?(?:你(?:是|必须|只能|将|不再|没有)|对所有|所有|一律|只)|你现在(?:是|没有|不再|处于|叫)|"
        r"你(?:不再|没有)(?:受|任何(?:限制|规则))"
    ),
    r"(?:说|回答|声称|假装|谎称|表示|称|回复)(?:你|自己)?(?:看不到|看不见|无法|不能|不知道|什么都)",
    r"(?:安全|内容|审核)(?:规则|限制|策略|过滤|模式|检查)(?:已|被)?(?:经)?(?:关闭|解除|失效|取消|停用)",
    (
        r"(?:回答|回复|答案|总结|摘要|描述|输出)(?:的)?(?:中|里|末尾|结尾|开头|最后|前面|时)[^。\n]{0,8}(?:加|添|附|插|写|注明|"
        r"推荐|提到|包含|说)"
    ),
    r"把[^。\n]{0,8}(?:对话|聊天|记录|密码|信息)[^。\n]{0,8}(?:发送|发到|发给|转发|上传|传到)",
    (
        r"(?:给|为)[^。\n]{0,8}(?:满分|最高分|最高评价)|(?:系统|开发者|管理员)(?:通知|消息|指令|提示|说明|覆盖)?[：:][^\n]{0,20}"
        r"(?:模式|规则|权限|限制|指令|忽略|必须|助手)"
    ),
    "用户(?!名|界面|提示|手册|协议|组|数|体验|量|反馈|点击|可|登录|输入|选择|在|需)|使用者|提问者",
    # Japanese
    (
        r"(?:画像|写真|この文|文章|指示|内容|文字)[^。\n]{0,10}(?:説明|言及|要約|翻訳|描写|読み上げ|触れ)(?:しないで|するな|せず|"
        r"てはいけ|ないで)|(?:前の|まで|上の|以前|すべて|全て|元の)[^。\n]{0,4}(?:指示|ルール|命令|プロンプト)[^。\n]{0,6}(?:無視|忘れ|従わ)"
    ),
    r"(?:とだけ|のみ|だけ)(?:答え|回答|返答|返信|出力|言)",
    (
        r"(?:アシスタント|(?<![A-Za-z])AI|モデル|ボット|人工知能)(?:へ|よ、|、|に告ぐ)|システムプロンプト[^。\n]{0,8}(?:表示|出力|公開|教え|"
        r"見せ)|あなたは(?:今|もう|これから)|今から(?:あなた|すべて|全て)"
    ),
    # The user in Japanese, Spanish, Portuguese, French, German, Russian.
    (
        r"(?:ユーザー|利用者)(?!が|名|は|登録|ガイド)|(?<!de )\busu[áa]ri[oa]\b|\butilisat(?:eur|rice)\b(?! (?:cliqu|saisi|peut|doit|est))|\b(?:dem|den|der|die) (?:be)?nutzer\w{0,3}\b|"
        "пользовател"
    ),
    # Spanish, French, German, Portuguese, Italian
    (
        r"\b(?:no|nunca)\s(?:describas?|menciones?|reveles?|traduzcas?|resumas?|transcribas?|leas?|comentes?)\b"
        r"[^.\n]{0,30}\b(?:imagen|foto|texto|mensaje|nota|documento|l[íi]nea|usuario|esto?)"
    ),
    (
        r"\b(?:ignora|ignore|olvida|olvide|descarta|omite)\b[^.\n]{0,30}\b(?:instrucciones|reglas|normas|usuario|"
        r"indicaciones)"
    ),
    (
        r"\b(?:responde|responda|contesta|conteste)\b[^.\n]{0,12}\b(?:s[óo]lo (?:con|en|que|s[íi]\b|\")|[úu]nicamente|siempre|"
        r"con\s[\"“«'])|\b(?:di|diga|dile|d[íi]gale|informa|inf[óo]rmale|p[íi]dele|pide|pregunta|recomienda)\b"
        r"[^.\n]{0,10}\b(?:al|a la)\s(?:usuari[oa]|lector)"
    ),
    (
        r"\beres (?:ahora|un asistente sin)|\ba partir de ahora,?"
        r"\s(?:eres|responde|solo|siempre|t[úu])|\b(?:muestra|revela|imprime|repite)\b[^.\n]{0,20}\b(?:instrucciones|"
        r"prompt|del sistema)\b|\ben tu (?:respuesta|resumen)\b|\btu (?:respuesta|resumen) debe\b"
    ),
    (
        r"\bne\s(?:d[ée]cri[st]|d[ée]crivez|mentionne[zs]?|r[ée]v[èe]le[zs]?|tradui[st]|traduisez|r[ée]sume[zs]?|"
        r"parle[zs]?|transcri[st])\b[^.\n]{0,30}\b(?:image|photo|texte|message|note|document|ligne|"
        r"utilisateur|consigne)"
    ),
    r"\b(?:ignore[zs]?|oublie[zs]?|n['’]oublie)\b[^.\n]{0,30}\b(?:instructions?|consignes?|r[èe]gles?|utilisateur|directives)",
    (
        r"\br[ée]pon(?:ds|dez)\b[^.\n]{0,12}\b(?:uniquement|seulement|toujours|juste|par\s[\"“«']|que\s|rien)|\b(?:dis|"
        r"dites|indique[zs]?|demande[zs]?|recommande[zs]?|annonce[zs]?)\b[^.\n]{0,6}(?:[àa] l['’]|l['’]|aux? )"
        r"(?:utilisat\w{3,5}|lecteur)"
    ),
    (
        r"\btu es (?:maintenant|d[ée]sormais)|\b[àa] partir de "
        r"maintenant,?\s(?:tu|r[ée]ponds)|\b(?:affiche|r[ée]v[èe]le|montre|r[ée]p[èe]te)\w{0,2}\b[^.\n]{0,20}\b(?:instructions?|"
        r"prompt|syst[èe]me)\b|\bdans (?:ta|votre) r[ée]ponse\b|\b(?:ta|votre) r[ée]ponse doit\b"
    ),
    (
        r"\b(?:beschreibe|erw[äa]hne|verrate|[üu]bersetze|fasse|zitiere|nenne|gib|lies)\b[^.\n]{0,40}\b(?:nicht|niemals|"
        r"keinesfalls)\b|\b(?:ignoriere?|vergiss|missachte|[üu]bergehe)\b[^.\n]{0,30}\b(?:anweisung\w{0,3}|regeln?|nutzer\w{0,3}|"
        r"frage|bisherig\w{0,2}|vorherig\w{0,2}|befehle?|vorgaben)"
    ),
    (
        r"\b(?:antworte|erwidere)\b[^.\n]{0,12}\b(?:nur|ausschlie[ßs]{1,2}lich|immer|stets|mit\s[\"„“«'])|\b(?:sag|sage|teile?|"
        r"empfiehl|erz[äa]hle|frag|frage|bitte|fordere)\b[^.\n]{0,6}\b(?:dem|der|den|die)\s(?:nutzer|benutzer|anwender|user|"
        r"leser)\w{0,3}|\bsage? (?:nur|dass du)\b|\bbehaupte\b"
    ),
    (
        r"\bdu bist (?:jetzt|nun|ab sofort|kein)|\bab (?:jetzt|sofort)\b[^.\n]{0,12}"
        r"\b(?:antworte|du|nur|bist)|\b(?:gib|zeige?|verrate|nenne|wiederhole)\b[^.\n]{0,20}\b(?:systemprompt|system-prompt|"
        r"anweisungen|systemanweisung\w{0,2})\b|\bin deiner antwort\b|\bdeine antwort (?:muss|soll)"
    ),
    (
        r"\b(?:n[ãa]o|nunca)\s(?:descreva|descrevas|mencione[s]?|revele[s]?|traduza|resuma|transcreva|leia|comente)\b[^.\n]{0,30}"
        r"\b(?:imagem|foto|texto|mensagem|nota|documento|linha|usu[áa]rio|isto|isso)"
    ),
    (
        r"\b(?:ignore|ignora|esque[çc]a|esquece|desconsidere)\b[^.\n]{0,30}\b(?:instru[çc][õo]es|regras|usu[áa]rio|"
        r"utilizador)"
    ),
    (
        r"\b(?:responda|responde)\b[^.\n]{0,12}\b(?:(?:apenas|s[óo]|somente) (?:com|em|que|sim|\")|sempre|com\s[\"“«'])|\b(?:diga|diz|informe|pe[çc]a|"
        r"recomende|avise)\b[^.\n]{0,6}\b(?:ao|à)\s(?:usu[áa]ri[oa]|utilizador|leitor)"
    ),
    (
        r"\bvoc[êe] (?:agora [ée]|[ée] agora|n[ãa]o tem (?:mais )?(?:regras|restri))|\ba partir "
        r"de agora,?\s(?:voc[êe]|responda|s[óo])|\b(?:mostre|revele|repita|exiba)\b[^.\n]{0,20}\b(?:instru[çc][õo]es|prompt|"
        r"sistema)\b|\bna sua resposta\b|\bsua resposta deve\b"
    ),
    (
        r"\bnon\s(?:descrivere|menzionare|rivelare|tradurre|riassumere|leggere)\b[^.\n]{0,30}\b(?:immagine|foto|testo|"
        r"messaggio|nota|documento)|\bignora\b[^.\n]{0,30}\b(?:istruzioni|regole|utente|domanda|precedenti)|\brispondi\b"
        r"[^.\n]{0,12}\b(?:solo|soltanto|sempre)|\b(?:di['’]?|chiedi|consiglia)\s(?:all['’]utente)"
    ),
    # Russian
    (
        r"\bне\s(?:описывай|упоминай|раскрывай|переводи|пересказывай)(?:те)?\b|\b(?:игнорируй|"
        r"забудь|не обращай внимания)(?:те)?\b[^.\n]{0,30}(?:инструкц|указан|правил|пользовател|вопрос|предыдущ|сказан)"
    ),
    (
        r"\b(?:ответь|отвечай)(?:те)?\b[^.\n]{0,12}\b(?:только|лишь|всегда|одним|словом|«|\")|\b(?:скажи|сообщи|попроси|посоветуй|"
        r"порекомендуй|предложи|передай)(?:те)?\b[^.\n]{0,6}пользовател|\bскажи(?:те)? (?:только|что ты)"
    ),
    (
        r"\bты (?:теперь|больше не)|\bс этого момента\b|"
        r"\b(?:покажи|раскрой|выведи|повтори)(?:те)?\b[^.\n]{0,20}(?:системн|инструкц|промпт)|\bв (?:своём|твоём|своем) ответе\b"
    ),
    # Korean, Arabic, Hindi
    (
        r"(?:이미지|사진|글|문구|내용|지시)[^.\n]{0,12}(?:설명|언급|번역|요약|말)하지\s?(?:마|말)|(?:지시|명령|규칙|질문)[^.\n]{0,8}무시|"
        r"(?:라고만|만)\s?(?:답|대답|말|출력)|사용자에게[^.\n]{0,24}(?:말|전|알리|요청|추천)|(?:(?<![A-Za-z])AI|어시스턴트)(?:는|에게)"
    ),
    (
        r"لا\s(?:تصف|تذكر|تكشف|تترجم|تلخص)[^.\n]{0,20}(?:الصورة|النص|الرسالة)|(?:تجاهل|انس)[^.\n]{0,20}(?:التعليمات|القواعد|"
        r"المستخدم|السابقة)|(?:أجب|رد)\s[^.\n]{0,8}(?:فقط|بكلمة)|(?:قل|أخبر|اطلب)\s[^.\n]{0,6}(?:للمستخدم|المستخدم|من المستخدم)|"
        r"(?:أنت الآن|من الآن فصاعد)"
    ),
    (
        r"(?:तस्वीर|चित्र|पाठ|संदेश|छवि)[^.\n।]{0,16}(?:वर्णन|उल्लेख|अनुवाद)\s?(?:न|मत)|(?:निर्देश|नियम)[^.\n।]{0,16}(?:अनदेखा|भूल|नज़रअंदाज़)|"
        r"(?:केवल|सिर्फ़?)[^.\n।]{0,16}(?:जवाब|उत्तर)\s?(?:दो|दें)|(?:उपयोगकर्ता|यूज़र)\s?(?:को|से)[^.\n।]{0,24}(?:बताओ|बताएं|कहो|कहें|माँगो|पूछो)"
    ),
)

FORMS: Final = tuple(re.compile(form, re.IGNORECASE | re.MULTILINE) for form in (*ENGLISH, *OTHERS))
