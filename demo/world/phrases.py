"""How people talk. Every entry is a short exchange: lines for the doctor (D) and the patient (P), split by "|".

Placeholders: {address} {age} {lay} {span} {medicine} {dose} {often} {allergy} {symptom} {plan} {back}.
"""

from __future__ import annotations

NEW_OPENINGS = (
    "D: Good morning, {address}. What can I do for you today?|P: It's {lay}.",
    "D: Come in, {address}, have a seat. What's been happening?|P: Well, I keep getting {lay}.",
    "D: Hello {address}. What brings you in?|P: Mostly {lay}, doctor.",
    "P: Sorry I'm late, the bus.|D: No trouble, {address}. How can I help?|P: I've been having {lay}.",
    "D: {address}, hi. The desk said you wanted to see someone.|P: I did. It's {lay}.",
    "P: I feel silly coming in for this.|D: Not at all, {address}. Tell me.|P: I've had {lay}.",
    "D: Afternoon, {address}. So, what's the trouble?|P: The trouble is {lay}.",
    "P: Doctor, I'm at the end of my tether with {lay}.|D: I'm sorry to hear it, {address}.",
    "D: Now then, {address}, we haven't met. What made you book?|P: It started with {lay}.",
    "D: {address}? Hello. What's on your mind?|P: I'll come straight to it. It's {lay}.",
    "P: Thanks for squeezing me in.|D: Of course, {address}. What is it?|P: I've got {lay} and it's wearing me out.",
    "D: Right, {address}, where shall we start?|P: With {lay}, please.",
)
FOLLOW_OPENINGS = (
    "D: Good to see you again, {address}. How have things been since last time?|P: Up and down. I still get {lay}.",
    "D: Welcome back, {address}. Any better?|P: Not as much as I hoped. There's still {lay}.",
    "P: Here I am again.|D: Indeed, {address}. How's it going since we last met?|P: It's still {lay}.",
    "D: So, {address}, this is your follow-up. How are you getting on?|P: A little better, but {lay} hasn't gone.",
    "D: {address}, back for your check. How's it been?|P: Same story really, {lay}.",
    "D: Last time we talked about a few things, {address}. What's left?|P: What's left is {lay}.",
    "P: You said to come back, so I came back.|D: Glad you did, {address}. And?|P: And I'm still bothered by {lay}.",
)
PHONE_OPENINGS = (
    "D: Hello, is that {address}? It's the surgery ringing.|P: Yes, thanks for calling. It's about {lay}.",
    "D: Hi, {address}, this is the doctor on the phone. You asked for a call.|P: I did. I've got {lay}.",
    "P: Hello? Oh, doctor, thank you for ringing back.|D: No problem, {address}. What's up?|P: It's {lay}.",
    "D: {address}, can you hear me all right? The line's poor.|P: I hear you. I'm calling about {lay}.",
    "D: Good evening, {address}, your phone appointment. What can I do?|P: Well, it's {lay}.",
)
AGES = (
    "D: Remind me, how old are you?|P: I'm {age}.",
    "D: And your age?|P: {age}.",
    "D: You're {age}, is that right?|P: That's right.",
    "D: The screen says {age} years old. Correct?|P: Sadly, yes.",
    "P: I'm {age}, I suppose things start to creak.|D: We all creak.",
    "D: How old are you now?|P: {age} last birthday.",
    "P: I didn't expect this at {age}.|D: It can come at any age.",
    "D: Can I check your age?|P: {age}, would you believe it.",
    "P: I'm {age} years old and I've never had anything like it.|D: I understand.",
    "D: So at {age} you're still working?|P: When I can, yes.",
    "D: Let me get your details. Age?|P: I turned {age} this spring.",
    "D: You'd be {age}?|P: Spot on.",
)
DURATIONS = (
    "D: How long has it been going on?|P: {span}.",
    "D: When did it start?|P: About {span} ago.",
    "D: And for how long?|P: For {span} now.",
    "P: It's been {span} and it won't shift.|D: That is a fair while.",
    "D: How long are we talking?|P: I'd say {span}, give or take.",
    "P: I gave it {span} before I rang you.|D: I'm glad you did.",
    "D: Since when?|P: It must be {span}. It was around my brother's visit.",
    "D: Has it been days, weeks, months?|P: {span}, I counted.",
    "P: My wife says it's been {span}.|D: Partners tend to know.",
    "D: So how long have you put up with it?|P: Oh, {span}.",
    "D: This has lasted how long?|P: {span} as of yesterday.",
    "P: I've had it for {span}.|D: Okay.",
)
TAKEN = (
    "D: What are you taking at the moment?|P: Just {medicine}, {dose}, {often}.",
    "D: Any regular medicines?|P: I'm on {medicine} {dose} {often}.",
    "D: Remind me what you take.|P: The {medicine}. {dose} {often}.",
    "P: I take {medicine}, by the way.|D: What strength?|P: {dose}, {often}.",
    "D: You take {medicine}, I see. What dose?|P: {dose}.|D: And how often?|P: It says {often} on the box.",
    "D: Are you still on the {medicine}?|P: Yes, {dose} {often}.",
    "D: Which tablets or creams do you use?|P: Only {medicine}. It's {dose} {often}.",
    "P: I've brought my box. It's {medicine} {dose}.|D: And you use it {often}?|P: I do.",
)
STARTED = (
    "D: I'd like you to use {medicine}, {dose}, {often}.|P: Okay, I can manage that.",
    "D: Let's try {medicine} {dose} {often}.|P: If you think it will help.",
    "D: I'm going to put you on {medicine}. It's {dose} {often}.|P: Right you are.",
    "P: Is there anything I can take?|D: Yes. {dose} of {medicine} {often}.|P: Thank you.",
    "D: We'll go with {medicine}, and I'd keep it at {dose} {often}.|P: Let me write that down.",
    "D: I'm prescribing {medicine}, {dose}. Take it {often}.|P: With food?|D: Either way is fine.",
)
ALLERGIC = (
    "D: Any allergies?|P: Yes, {allergy}. I come out in a rash.",
    "D: Are you allergic to anything?|P: Only {allergy}.",
    "P: I can't have {allergy}, I swell up.|D: I'll note the allergy.",
    "D: Anything you're allergic to?|P: They told me {allergy}, when I was little.",
    "D: And allergies, still {allergy}?|P: Still that, yes.",
    "D: Your record says you're allergic to {allergy}.|P: That's correct.",
    "P: You know I'm allergic to {allergy}?|D: I do, it's in red on your file.",
    "D: Allergies of any kind?|P: Just {allergy}, as far as I know.",
    "D: Any bad reactions in the past?|P: To {allergy}, yes, a nasty one.",
)
NOT_ALLERGIC = (
    "D: Any allergies?|P: None that I know of.",
    "D: Are you allergic to anything?|P: No, nothing.",
    "D: Allergies of any kind?|P: Not me, no.",
    "P: I've no allergies, if you need to know.|D: I do, thanks.",
    "D: Anything you react to?|P: No allergies at all.",
    "D: Your record shows no allergies. Still so?|P: Still so.",
    "D: Any bad reactions to medicines?|P: Never had one, no allergies.",
)
DENIED_BOTH = (
    "D: Any {first} or {second}?|P: No, neither.",
    "D: Have you noticed {first}, or {second}?|P: No, neither of those.",
    "P: I've had no {first}, and no {second}.|D: That's reassuring.",
    "D: Any {first}?|P: No.|D: What about {second}?|P: None.",
    "D: Any {first} with it?|P: No, nothing like that.|D: And {second}?|P: No, not that I've noticed.",
    "D: Have you had {first}?|P: Not at all.|D: {second_capital}?|P: No.",
    "D: No {first}?|P: No, thank goodness.|D: No {second}?|P: Not that either.",
    "P: There's been no {first}, if that's what you're after.|D: It is. And {second}?|P: No.",
)
ADMITTED = (
    "D: What about {symptom}?|P: Yes, some.",
    "D: Any {symptom}?|P: A bit, yes.",
    "P: I do get {symptom} with it.|D: I see.",
    "D: Have you had {symptom}?|P: I have, now you mention it.",
    "P: And then there's the {symptom}.|D: Okay, that matters.",
    "D: {symptom_capital}?|P: Now and then, yes.",
)
PLANS = (
    "D: I'd like to arrange {plan}, and I'll see you in {back}.|P: Fine by me.",
    "D: The plan is {plan}, then we meet again in {back}.|P: All right.",
    "P: So what happens now?|D: {plan_capital}, and come back in {back}.|P: Will do.",
    "D: Let's do {plan} and review it in {back}.|P: Thanks, doctor.",
    "D: Next step is {plan}. Book in for {back} from now.|P: I'll ask at the desk.",
    "D: I'm suggesting {plan}. Then I want to hear from you in {back}.|P: That sounds sensible.",
    "P: Do I need any tests?|D: I think {plan}. We'll talk again in {back}.|P: Okay then.",
)
CLOSINGS = (
    "P: Bye now.|D: Take care.",
    "D: Look after yourself.|P: You too.",
    "P: You've put my mind at rest.|D: Good.",
    "D: Anything else?|P: No, that's the lot.",
    "P: Cheers.|D: Goodbye.",
    "D: Ring us if it gets worse.|P: I shall.",
)
TANGENTS = (
    "P: My daughter is getting married, it's all go.|D: How lovely.",
    "P: The parking here is a disgrace, I must have circled 6 times.|D: You're not the first to say so.",
    "D: How's the garden?|P: Slugs, slugs and more slugs.",
    "P: My neighbour had the same, and he's 81.|D: Everyone is different.",
    "P: I looked it up online, which was a mistake.|D: It usually is.",
    "D: Excuse the noise, they're drilling next door.|P: I'm half deaf anyway.",
    "P: My son says I moan too much.|D: You're allowed to moan in here.",
    "P: I nearly cancelled, what with the football on.|D: I'll be quick, then.",
    "D: Are you still driving the school bus?|P: I gave it up, my nerves were shot.",
    "P: My mother had something of the kind when I was small.|D: That's useful to know.",
    "P: The waiting room has been on the same magazine for 3 years.|D: I'll have a word.",
    "D: How's the new job?|P: Long days, but the people are nice.",
    "P: We were meant to go to the coast on Friday.|D: Let's see if we can still get you there.",
    "P: I don't like making a fuss.|D: You aren't making one.",
    "P: Is it hot in here or is it me?|D: The heating has a mind of its own.",
    "D: Let me just find your file. This computer.|P: Take your time.",
    "P: My husband takes 9 tablets a day, I don't want that.|D: Nor do I.",
    "P: The dog ate my appointment card.|D: That's a new one.",
)
REPLIES = ("Okay. ", "I see. ", "Right. ", "Mm-hm. ", "Thanks. ", "Got it. ", "Good. ", "All right. ")
FILLERS = ("Um, ", "Well, ", "Oh, ", "Let me think. ", "Er, ", "You know, ", "To be honest, ", "Ah, ")

SPOKEN_FREQUENCY: dict[str, tuple[str, ...]] = {
    "once daily": ("once a day", "once daily", "one time a day"),
    "twice daily": ("twice a day", "twice daily", "two times a day"),
    "three times daily": ("three times a day", "three times daily"),
    "four times daily": ("four times a day", "four times daily"),
    "every morning": ("every morning", "in the morning", "each morning"),
    "at night": ("at night", "at bedtime", "before bed"),
    "as needed": ("as needed", "when I need it", "only when needed"),
}
NUMBER_WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}
# Wording that a curator should notice: it judges the person or their sex, and adds no clinical fact.
JUDGING_WORDS: dict[str, tuple[str, ...]] = {
    "woman": ("hysterical", "emotional", "bossy", "overanxious", "shrill"),
    "man": ("effeminate", "macho", "weepy for a man", "henpecked", "burly"),
}
JUDGING_SENTENCES = (
    "Poor historian.",
    "Claims the symptoms are real.",
    "Known frequent flyer.",
    "Probably drug-seeking.",
    "Non-compliant as usual.",
    "Complains bitterly and at length.",
    "Failed to take treatment.",
)
NO_ARTICLE = frozenset(
    {
        "HbA1c",
        "thyroid function",
        "kidney function",
        "less salt",
        "less beer",
        "less caffeine",
        "talking therapy",
        "sleep advice",
        "weight loss advice",
        "gentle exercise",
        "physiotherapy",
        "plenty of emollient",
        "steam inhalation",
        "joint aspiration",
        "leg elevation",
    }
)
VOWEL_SOUNDS = (
    "ECG",
    "MRI",
    "ENT",
    "exercise",
    "echo",
    "eye",
    "endoscopy",
    "inhaler",
    "asthma",
    "allergy",
    "ultrasound",
)
