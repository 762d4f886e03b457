"""What names say: the name of a column comes in, its unit goes out; the names of classes, the positive one or an order.

The words are plain lists, in English and Korean; a name that is in none of them says nothing. English words match whole
words of a name, Korean ones any part of it (Korean names are written without spaces).
"""

from __future__ import annotations

import re

from lossmith.errors import DataError, did_you_mean


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


POSITIVE_WORDS = _words(
    "yes y true positive pos fraud churn churned default sick ill disease died dead malignant spam bad fail failed "
    "failure late 예 있음 양성 불량 사기 이탈 참"
)
NEGATIVE_WORDS = _words(
    "no n false negative neg normal healthy benign ham good ok none legitimate alive absent 아니오 없음 음성 정상 거짓"
)
UNIT_WORDS = _words(
    "seconds minutes hours days weeks months years dollars usd eur euros gbp krw won yen kg grams km miles meters "
    "metres percent"
)
# What the name of a column says of its role.
LABEL_WORDS = _words("class label category species type group")
GRADE_WORDS = _words(
    "rating stars star grade score level quality satisfaction severity stage likert rank priority risk "
    "평점 별점 등급 만족도 점수 단계 심각도 품질 수준"
)
COUNT_WORDS = _words(
    "count number num n nr visits claims days nights children kids rooms bedrooms bathrooms people persons members items "
    "orders purchases times events accidents cars doors cylinders gears 개수 횟수 건수 인원 일수 명수"
)
ID_WORDS = _words(
    "id pid sid uid uuid guid key index idx nr no number num serial code reference ref rowname rownames row record obs "
    "번호 아이디 식별 코드 일련 키값"
)
SURE_ID_WORDS = _words(
    "id pid sid uid uuid guid idx serial rowname rownames rowid rownum rownumber 번호 아이디 식별 일련"
)
CASE_WORDS = _words("case order invoice ticket contract booking transaction receipt phone telephone")
NAMELESS = frozenset(("column 1", "Unnamed: 0", "...1", "_c0", "level_0", "__index_level_0__"))
"""What readers and writers call a first column without a name."""

ENTITY_WORDS = _words(
    "customer client user member person patient subject student pupil child household family account card policy holder "
    "employee worker driver player athlete respondent participant school hospital clinic store shop branch site farm "
    "machine device sensor engine unit vehicle plant batch animal dam litter session "
    "고객 회원 환자 사용자 학생 피험자 가구 계좌 직원 매장 지점 학교 병원 기계 장비 센서 차량"
)
TIME_WORDS = _words(
    "time date day days month year week hour minute second quarter season timestamp period age when yr "
    "시간 날짜 일자 일시 연도 년도 월 요일 분기 시각"
)
BIRTH_WORDS = _words("birth born birthday birthdate dob 생일 생년월일 출생")
AFTERWARDS_WORDS = _words("actual realized realised outcome 실제 확정 사후")

SCALES = tuple(
    tuple(scale.split("|"))
    for scale in (
        "very bad|very poor|bad|poor|fair|average|good|very good|excellent|outstanding",
        "very poor|poor|fair|ok|okay|good|very good|great|excellent",
        "fair|good|very good|premium|ideal",
        "none|very mild|mild|moderate|severe|very severe|critical",
        "normal|mild|moderate|severe",
        "very low|low|medium|moderate|high|very high|extreme",
        "low|mid|high",
        "very small|small|medium|large|very large",
        "strongly disagree|disagree|neutral|neither agree nor disagree|agree|strongly agree",
        "very dissatisfied|dissatisfied|neutral|satisfied|very satisfied",
        "very unlikely|unlikely|neutral|likely|very likely",
        "never|rarely|seldom|sometimes|often|usually|always",
        "worse|same|better",
        "none|some|marked",
        "매우 불만족|불만족|보통|만족|매우 만족",
        "매우 나쁨|나쁨|보통|좋음|매우 좋음",
        "매우 낮음|낮음|보통|중간|높음|매우 높음",
        "전혀 아니다|아니다|보통이다|그렇다|매우 그렇다",
        "하|중하|중|중상|상",
        "없음|경증|중등도|중증|위중",
    )
)
"""Words whose order is known, lowest first."""


def words_of(name: str) -> frozenset[str]:
    """Return the words of a column's name, small, with and without a plural s.

    >>> sorted(words_of("customerID_2024 Stars"))
    ['2024', 'customer', 'id', 'star', 'stars']
    """
    small = set(_parts(name))
    return frozenset(small | {word[:-1] for word in small if len(word) > 3 and word.endswith("s")})


def _parts(name: str) -> list[str]:
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+", name)
    return [word.lower() for word in found]


def says(name: str, words: frozenset[str]) -> bool:
    """Return whether a column's name says one of `words`.

    >>> says("PassengerId", ID_WORDS), says("paid", ID_WORDS), says("고객번호", ID_WORDS)
    (True, False, True)
    """
    own = words_of(name)
    return bool(own & words) or any(word in name for word in words if not word.isascii())


def names_an_entity(name: str) -> bool:
    """Return whether a column's name says that its values are persons, places or things that rows belong to.

    >>> [names_an_entity(name) for name in ("customer_id", "userid", "Subject", "id", "city", "unit_price")]
    [True, True, True, True, False, False]
    """
    own = words_of(name)
    glued = _glued_id(own)
    bare = own <= ENTITY_WORDS | ID_WORDS and bool(own & ENTITY_WORDS)
    korean = any(word in name for word in ENTITY_WORDS if not word.isascii()) and says(name, ID_WORDS)
    return glued or bare or korean or bool(own & {"id", "uid", "uuid"})


def _glued_id(own: frozenset[str]) -> bool:
    return any(word.endswith("id") and word[:-2] in ENTITY_WORDS for word in own)


def names_rows(name: str) -> bool:
    """Return whether a column's name says that its values name rows; a count or a measured index does not.

    Words such as number, code or index end a name that holds nothing else but what is numbered.

    >>> [names_rows(name) for name in ("rownames", "PassengerId", "userid", "Order No.", "index", "고객번호")]
    [True, True, True, True, True, True]
    >>> [names_rows(name) for name in ("num_orders", "number of rows", "price index", "zip_code", "우편번호", "size")]
    [False, False, False, False, False, False]
    """
    parts, own = _parts(name), words_of(name)
    if "우편" in name or not parts:
        return False
    ends = any(part.endswith(word) for part in parts for word in SURE_ID_WORDS if not word.isascii())
    headed = parts[-1] in ID_WORDS and set(parts) <= ID_WORDS | ENTITY_WORDS | CASE_WORDS
    return bool(own & SURE_ID_WORDS) or ends or headed or _glued_id(own)


def known_order(texts: list[str]) -> tuple[str, ...] | None:
    """Return texts from the lowest to the highest if they are words of one known scale, else None.

    >>> known_order(["Good", "poor", "Fair"]), known_order(["red", "good", "poor"])
    (('poor', 'Fair', 'Good'), None)
    """
    plain = {text: re.sub(r"[\s_-]+", " ", text.strip().lower()) for text in texts}
    for scale in SCALES:
        if len(set(plain.values())) == len(texts) and set(plain.values()) <= set(scale):
            return tuple(sorted(texts, key=lambda text: scale.index(plain[text])))
    return None


def unit_of(name: str) -> str:
    """Return the unit that a column's name ends with, else the name itself.

    >>> unit_of("delay_minutes"), unit_of("price (USD)"), unit_of("arr_delay")
    ('minutes', 'USD', 'arr_delay')
    """
    words = re.findall(r"[^\W_]+", name)
    return words[-1] if words and words[-1].lower() in UNIT_WORDS and len(words) > 1 else name


def positive_class(named: list[str], rare_first: list[str], uneven: bool, asked: str | None) -> tuple[str, str]:
    """Return the class that counts as 1, and why: asked for, by value, by its word, as the rarer one, by order."""
    if asked is not None:
        if asked not in named:
            shown = '" and "'.join(named)
            raise DataError(
                "LM514",
                f'The positive class "{asked}" is not in the target, which has "{shown}".{did_you_mean(asked, named)}',
            )
        return asked, "as you said"
    numbers = [_number(name) for name in named]
    if None not in numbers:
        return max(zip(numbers, named, strict=True))[1], "as the larger number"
    truths = [name for name in named if {other.lower() for other in named} == {"f", "t"} and name.lower() == "t"]
    worded = truths or [name for name in named if name.lower() in POSITIVE_WORDS]
    worded = worded or [name for name in named if not _negative(name)]
    if len(worded) == 1:
        return worded[0], "by its word"
    return (rare_first[0], "as the rarer one") if uneven else (named[-1], "as the later in the alphabet")


def _negative(name: str) -> bool:
    """Whether a name says no: `no`, or `not sick` next to `sick`."""
    lower = name.lower()
    return lower in NEGATIVE_WORDS or lower.startswith(("no ", "not ", "non-", "non_", "no_", "not_"))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def natural_order(name: str) -> tuple[int, float, str]:
    """Sort key: numbers by value, before texts."""
    number = _number(name)
    return (1, 0.0, name) if number is None or number != number else (0, number, name)
