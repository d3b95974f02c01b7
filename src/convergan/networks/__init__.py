"""Generators and discriminators; every discriminator returns a `Critique`."""

from .compact import CompactDiscriminator as CompactDiscriminator
from .compact import CompactGenerator as CompactGenerator
from .compact import compact_discriminator as compact_discriminator
from .compact import compact_generator as compact_generator
from .compact import virtual_compact_generator as virtual_compact_generator
from .critique import Critique as Critique
from .critique import Discriminator as Discriminator
from .dense import DenseDiscriminator as DenseDiscriminator
from .dense import DenseGenerator as DenseGenerator
from .generator import Generator as Generator
from .guidance_decoder import GuidanceDecoder as GuidanceDecoder
from .guided import EncodingDiscriminator as EncodingDiscriminator
from .guided import GuidedDiscriminator as GuidedDiscriminator
from .guided import MappingGenerator as MappingGenerator
from .imagenet import ImageNetDiscriminator as ImageNetDiscriminator
from .imagenet import ImageNetGenerator as ImageNetGenerator
from .imagenet import imagenet_discriminator as imagenet_discriminator
from .imagenet import imagenet_generator as imagenet_generator
from .minibatch_features import MinibatchFeatures as MinibatchFeatures
from .minibatch_features import cross_half_similarities as cross_half_similarities
from .minibatch_features import deviation as deviation
from .minibatch_features import no_minibatch_features as no_minibatch_features
from .minibatch_features import similarities as similarities
from .mnist import descriptor_discriminator as descriptor_discriminator
from .mnist import descriptor_generator as descriptor_generator
from .mnist import digits_discriminator as digits_discriminator
from .mnist import digits_generator as digits_generator
from .mnist import mnist_discriminator as mnist_discriminator
from .mnist import mnist_generator as mnist_generator
from .modes import evaluating as evaluating
from .packing import PackedDiscriminator as PackedDiscriminator
from .packing import pack as pack
from .packing import packed_discriminator as packed_discriminator
from .packing import packed_shape as packed_shape
from .residual import ResidualDiscriminator as ResidualDiscriminator
from .residual import ResidualGenerator as ResidualGenerator
from .residual import guided_residual_discriminator as guided_residual_discriminator
from .small_images import ConvolutionalDiscriminator as ConvolutionalDiscriminator
from .small_images import ConvolutionalGenerator as ConvolutionalGenerator
from .small_images import virtual_small_images_generator as virtual_small_images_generator
from .toy import ToyDiscriminator as ToyDiscriminator
from .toy import ToyGenerator as ToyGenerator
from .toy import toy_discriminator as toy_discriminator
from .toy import toy_generator as toy_generator
from .virtual_batch import VirtualBatchGenerator as VirtualBatchGenerator

# Recipes in files of users call these classes by what they were up to version 0.9.
small_images_discriminator = ConvolutionalDiscriminator
small_images_generator = ConvolutionalGenerator
residual_discriminator = ResidualDiscriminator
residual_generator = ResidualGenerator
