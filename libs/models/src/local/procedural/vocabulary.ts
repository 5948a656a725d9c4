/** What can be drawn. */
export type ThingKind =
  | 'astronaut'
  | 'aurora'
  | 'balloon'
  | 'bird'
  | 'boat'
  | 'bush'
  | 'butterfly'
  | 'cactus'
  | 'campfire'
  | 'candle'
  | 'car'
  | 'castle'
  | 'cat'
  | 'church'
  | 'cloud'
  | 'cup'
  | 'book'
  | 'fruit'
  | 'dog'
  | 'fish'
  | 'flower'
  | 'house'
  | 'island'
  | 'kite'
  | 'lightning'
  | 'lighthouse'
  | 'moon'
  | 'mushroom'
  | 'palm'
  | 'path'
  | 'person'
  | 'pine'
  | 'planet'
  | 'plane'
  | 'rabbit'
  | 'rainbow'
  | 'river'
  | 'robot'
  | 'rocket'
  | 'sheep'
  | 'snowman'
  | 'star'
  | 'sun'
  | 'tent'
  | 'tree'
  | 'ufo'
  | 'vase'
  | 'waterfall'
  | 'whale'
  | 'windmill'

export type Place =
  | 'hills'
  | 'mountains'
  | 'sea'
  | 'beach'
  | 'lake'
  | 'desert'
  | 'forest'
  | 'city'
  | 'space'
  | 'underwater'
  | 'table'
  | 'abstract'
export type Time = 'dawn' | 'day' | 'sunset' | 'night'
export type Weather = 'clear' | 'cloudy' | 'rain' | 'snow' | 'fog' | 'storm'
export type Season = 'spring' | 'summer' | 'autumn' | 'winter'
export type Style = 'plain' | 'monochrome' | 'sepia' | 'pixels' | 'watercolour'

/** The parts of a scene that a colour can be said of. */
export type Part = 'sky' | 'land' | 'water' | 'mountains' | 'leaves'

const words = <T extends string>(lists: Readonly<Record<T, string>>): ReadonlyMap<string, T> =>
  new Map(
    (Object.entries(lists) as [T, string][]).flatMap(([meaning, list]) =>
      list.split(' ').map((word) => [word, meaning] as const),
    ),
  )

/** In the singular; of two words, those that stand together are written with a hyphen. */
export const things: ReadonlyMap<string, ThingKind> = words<ThingKind>({
  astronaut: 'astronaut cosmonaut spaceman',
  aurora: 'aurora borealis northern-light polar-light',
  balloon: 'balloon air-balloon',
  bird: 'bird seagull gull eagle swallow crow raven dove goose swan',
  boat: 'boat sailboat ship yacht sailing-boat sailing-ship canoe ferry',
  book: 'book novel diary notebook',
  bush: 'bush shrub hedge',
  butterfly: 'butterfly moth',
  cactus: 'cactus cacti saguaro',
  campfire: 'campfire bonfire fire',
  candle: 'candle lantern',
  car: 'car automobile taxi van',
  castle: 'castle palace fortress citadel',
  cat: 'cat kitten kitty tomcat',
  church: 'church chapel cathedral',
  cloud: 'cloud',
  cup: 'cup mug coffee tea espresso cappuccino teacup',
  dog: 'dog puppy hound',
  fish: 'fish goldfish',
  flower: 'flower rose tulip daisy poppy sunflower blossom wildflower lavender',
  fruit: 'apple orange-fruit fruit peach-fruit lemon pear',
  house: 'house home cottage cabin hut barn farm farmhouse chalet',
  island: 'island isle',
  kite: 'kite',
  lighthouse: 'lighthouse beacon',
  lightning: 'lightning thunderbolt',
  moon: 'moon moonlight crescent',
  mushroom: 'mushroom toadstool',
  palm: 'palm palm-tree coconut-tree',
  path: 'path road trail street lane footpath',
  person: 'person man woman girl boy child people kid traveller traveler hiker wanderer figure human',
  pine: 'pine fir spruce conifer pine-tree fir-tree christmas-tree',
  plane: 'plane airplane aeroplane jet aircraft',
  planet: 'planet saturn jupiter mars earth',
  rabbit: 'rabbit bunny hare',
  rainbow: 'rainbow',
  river: 'river stream creek brook',
  robot: 'robot android',
  rocket: 'rocket spaceship spacecraft shuttle',
  sheep: 'sheep lamb',
  snowman: 'snowman',
  star: 'star starlight',
  sun: 'sun',
  tent: 'tent',
  tree: 'tree oak maple birch willow cherry-tree apple-tree',
  ufo: 'ufo saucer flying-saucer',
  vase: 'vase bouquet',
  waterfall: 'waterfall cascade',
  whale: 'whale',
  windmill: 'windmill',
})

export const places: ReadonlyMap<string, Place> = words<Place>({
  hills:
    'hill meadow field countryside valley park garden village pasture prairie grass grassland landscape farmland vineyard',
  mountains: 'mountain alp alpine peak summit range volcano cliff highland mountainside',
  sea: 'sea ocean harbour harbor wave horizon',
  beach: 'beach coast shore seaside sand lagoon',
  lake: 'lake pond fjord bay reservoir',
  desert: 'desert dune sahara oasis',
  forest: 'forest wood woodland jungle grove rainforest taiga',
  city: 'city town skyline skyscraper downtown metropolis building cityscape',
  space: 'space galaxy universe cosmo cosmos nebula outer-space milky-way',
  underwater: 'underwater reef coral seabed undersea aquarium',
  table: 'table desk kitchen window-sill windowsill still-life shelf room cafe café',
  abstract: 'abstract geometric pattern composition',
})

export const times: ReadonlyMap<string, Time> = words<Time>({
  dawn: 'dawn sunrise morning daybreak',
  day: 'day daytime noon midday afternoon sunny daylight sunlight',
  sunset: 'sunset dusk evening twilight sundown golden-hour',
  night: 'night midnight nighttime starry moonlit nocturnal starlit dark',
})

export const weathers: ReadonlyMap<string, Weather> = words<Weather>({
  clear: 'clear cloudless',
  cloudy: 'cloudy overcast grey-sky gray-sky',
  rain: 'rain rainy drizzle shower raining',
  snow: 'snowfall snowing blizzard snowstorm snowflake',
  fog: 'fog foggy mist misty haze hazy',
  storm: 'storm stormy thunderstorm tempest thunder',
})

export const seasons: ReadonlyMap<string, Season> = words<Season>({
  spring: 'spring springtime',
  summer: 'summer',
  autumn: 'autumn fall autumnal october',
  winter: 'winter wintry snow snowy frozen icy ice arctic frost',
})

export const styles: ReadonlyMap<string, Style> = words<Style>({
  plain: 'flat-style',
  monochrome: 'monochrome black-and-white greyscale grayscale',
  sepia: 'sepia vintage old-photo antique',
  pixels: 'pixel pixelart pixelated 8-bit 8bit',
  watercolour: 'watercolour watercolor painted painterly painting',
})

export const parts: ReadonlyMap<string, Part> = words<Part>({
  sky: 'sky heaven',
  land: 'grass ground land hill meadow field sand dune desert floor table desk',
  water: 'water sea ocean lake river wave',
  mountains: 'mountain peak summit cliff volcano',
  leaves: 'leaf foliage tree forest wood leaves',
})

export const numbers: ReadonlyMap<string, number> = new Map([
  ['a', 1],
  ['an', 1],
  ['one', 1],
  ['single', 1],
  ['lone', 1],
  ['lonely', 1],
  ['two', 2],
  ['pair', 2],
  ['couple', 2],
  ['three', 3],
  ['four', 4],
  ['five', 5],
  ['six', 6],
  ['seven', 7],
  ['eight', 8],
  ['nine', 9],
  ['ten', 10],
  ['dozen', 12],
  ['few', 3],
  ['some', 3],
  ['several', 4],
  ['group', 4],
  ['flock', 7],
  ['herd', 6],
  ['row', 5],
  ['many', 8],
  ['lots', 8],
  ['hundreds', 16],
  ['countless', 16],
] as const)

export const sizes: ReadonlyMap<string, number> = new Map([
  ['tiny', 0.55],
  ['small', 0.7],
  ['little', 0.75],
  ['big', 1.35],
  ['large', 1.35],
  ['tall', 1.35],
  ['huge', 1.7],
  ['giant', 1.8],
  ['enormous', 1.8],
  ['massive', 1.7],
  ['distant', 0.55],
  ['faraway', 0.5],
] as const)

/** Words that say nothing about what is to be drawn. */
export const fillers: ReadonlySet<string> = new Set(
  (
    'the of in on at with and or by over under above below near beside behind before front to from into across through around between along ' +
    'up down is are be it its this that there as for very so beautiful pretty nice lovely calm peaceful quiet serene bright vivid colourful ' +
    'colorful glowing shining warm cold cool detailed photo photograph picture image illustration drawing art artwork style scene view ' +
    'render rendering digital poster wallpaper background foreground high quality realistic dramatic soft light lit standing sitting flying ' +
    'floating sailing swimming growing sleeping walking running running parked full rising setting shine shines other edge middle centre ' +
    'center side left right top bottom old new young happy his her their my your ancient dreamy magical majestic epic tone color colour hot ' +
    'air made make draw paint show me please deep pale wide long green-leaved while during wooden window windows holding winding playing looking watching add put place turn tint tinted change give some more less look'
  ).split(' '),
)
